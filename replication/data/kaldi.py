"""Reads the features and alignments that Kaldi's tools write, one utterance at a time.

A split is a folder with

    feats.scp    lines `UTTERANCE FILE:OFFSET` (or `UTTERANCE FILE`); a relative FILE starts from this folder
    pdf.*        archives of integer vectors: the pdf id of each frame, from `ali-to-pdf`
    utt2spk      lines `UTTERANCE SPEAKER`; needed only for the normalization of each speaker

Files may be binary or text, matrices float, double or compressed, and any file may be compressed by gzip.

Nothing in these files is executed. kaldiio's own `load_scp`, `load_mat` and `load_ark` run a command if a name begins
or ends with "|", read standard input for "-", and unpickle an entry with the tag PKL. This module therefore checks
names and tags first, and passes to kaldiio only open files positioned at a binary vector or matrix.
"""

import contextlib
import errno
import gzip
import io
import re
import struct
import zlib

import numpy as np
from kaldiio import matio
from kaldiio.utils import MultiFileDescriptor

from replication import catalog
from replication.errors import UserError, one_line

FEATURE_DIM = 40
# No decision tree of Kaldi's has so many leaves; a larger pdf id is damage, and would enlarge the output layer.
_MOST_CLASSES = 1 << 16
_FOREIGN_TAGS = {b"PKL": "a pickle", b"NPY": "a NumPy file", b"AUDIO": "audio", b"RIFF": "audio", b"fLaC": "audio"}
_GZIP_MAGIC = b"\x1f\x8b"
# On damaged files kaldiio fails in assertions, in unpacking, or in allocating the size that a header tells.
_DAMAGE = (AssertionError, struct.error, ValueError, EOFError, zlib.error, gzip.BadGzipFile, MemoryError,
           OverflowError)


class Split:
    """The utterances of one split, with the labels in memory and the features on disk.

    Args:
        folder: A `pathlib.Path` with the files that the module's docstring lists.

    Attributes:
        folder: The folder.
        labels: Dictionary from each utterance, in the order of feats.scp, to its pdf ids, int32 [T].

    Raises:
        UserError: a file is missing, damaged or refused, the split is empty, or features and alignments do not have
            the same utterances.
    """

    def __init__(self, folder):
        self.folder = folder
        self._entries = _read_scp(folder / "feats.scp")
        alignments = _read_alignments(folder)
        for these, others, where in ((self._entries, alignments, "no alignment in pdf.*"),
                                     (alignments, self._entries, "no features in feats.scp")):
            if missing := [utterance for utterance in these if utterance not in others]:
                raise UserError(f"{folder}: utterance {missing[0]} ({len(missing)} in all) has {where}; "
                                "leave out utterances that lack either, for example with utils/filter_scp.pl")
        self.labels = {utterance: alignments[utterance] for utterance in self._entries}

    @property
    def frames(self):
        """The number of frames of all utterances."""
        return sum(map(len, self.labels.values()))

    def features(self):
        """Yields each utterance and its features, float32 [T, 40], in the order of `labels`.

        Raises:
            UserError: the features of an utterance cannot be read, are damaged or not finite, or have another
                dimension or another number of rows than labels; the message names the utterance.
        """
        with contextlib.closing(_Files()) as files:
            for utterance, (path, offset) in self._entries.items():
                where = f"{path}, utterance {utterance}"
                # Numbers beyond float32 become infinite and are refused below, without NumPy's warning.
                with _damage_as_error(where), np.errstate(over="ignore"):
                    read = _read_value(files.at(path, offset), where)
                    features = read.astype(np.float32, copy=False)
                self._check(features, len(self.labels[utterance]), where)
                yield utterance, features

    def speakers(self):
        """Returns a dictionary from each utterance to its speaker, from utt2spk.

        Raises:
            UserError: the file is missing or lacks an utterance.
        """
        path = self.folder / "utt2spk"
        speakers = dict(_read_pairs(path, "UTTERANCE SPEAKER"))
        if missing := [utterance for utterance in self.labels if utterance not in speakers]:
            raise UserError(f"{path}: no speaker for utterance {missing[0]}; copy the file from Kaldi's data folder")
        return speakers

    def _check(self, features, frames, where):
        if features.ndim != 2 or features.shape[1] != FEATURE_DIM:
            raise UserError(f"{where}: features of shape {features.shape}, expected [T, {FEATURE_DIM}] "
                            f"(fMLLR of {FEATURE_DIM} dimensions, not yet spliced)")
        if len(features) != frames:
            raise UserError(f"{where}: {len(features)} frames of features, but {frames} pdf ids; "
                            "expected features and alignment of the same decoding")
        if not np.isfinite(features).all():
            frame, dimension = np.argwhere(~np.isfinite(features))[0]
            raise UserError(f"{where}: frame {frame}, dimension {dimension} is {features[frame, dimension]}; "
                            "expected finite numbers in the range of float32")


class _Files:
    """Keeps the last file open, because consecutive entries of an scp mostly lie in the same archive."""

    def __init__(self):
        self._path = self._file = None

    def at(self, path, offset):
        """Returns the file, positioned at `offset` bytes of its decompressed content.

        Raises:
            UserError: the path is not a regular file.
            One of _DAMAGE: the file ends before the offset, or is cut off.
        """
        if path != self._path:
            self.close()
            self._path, self._file = path, _open(path, "no such file; if the folder was moved, correct the "
                                                 "paths in feats.scp, which start from the folder of the scp")
        try:
            self._file.seek(offset)
            ended = not self._file.peek(1)
        except OSError as error:
            # The offset is larger than any file of the file system.
            if not (ended := error.errno == errno.EINVAL):
                raise
        if ended:
            raise EOFError(f"it ends before the offset {offset} of feats.scp")
        return self._file

    def close(self):
        if self._file is not None:
            self._file.close()
        self._path = self._file = None


def _require_file(path, absent):
    # Reading a pipe or a device may block or never end.
    if not path.is_file():
        raise UserError(f"{path}: not a regular file (a pipe, a device or a folder)" if path.exists() else
                        f"{path}: {absent}")


def _open(path, absent="no such file"):
    _require_file(path, absent)
    with _damage_as_error(path), open(path, "rb") as file:
        compressed = file.read(2) == _GZIP_MAGIC
    # kaldiio 2.18.1 does not decompress by itself.
    return io.BufferedReader(gzip.open(path)) if compressed else open(path, "rb")  # noqa: SIM115


def _read_scp(path):
    """Returns a dictionary from each utterance to the file and the offset of its features."""
    entries = {}
    for utterance, name in _read_pairs(path, "UTTERANCE FILE:OFFSET"):
        for refused, kind in ((name.startswith("|") or name.endswith("|"), "a command, which is not run"),
                              (name == "-", "standard input"),
                              (name.endswith("]"), "a range of frames"),
                              (re.search(r":\d{19,}$", name), "an offset beyond every file")):
            if refused:
                raise UserError(f"{path}: entry {utterance} {name[:80]}: {kind}; expected FILE:OFFSET, as "
                                "copy-feats with ark,scp: writes it")
        file, offset = re.fullmatch(r"(.+?)(?::(\d+))?", name).groups()
        entries[utterance] = path.parent / file, int(offset or 0)
    return entries


def _read_pairs(path, form):
    """Yields the first word and the rest of each line."""
    _require_file(path, "not there; BUILD.md tells how Kaldi makes it")
    with _damage_as_error(path):
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            raise UserError(f"{path}: not text in UTF-8; expected lines of {form}") from None
    if not lines:
        raise UserError(f"{path}: empty, expected lines of {form}")
    seen = set()
    for number, line in enumerate(lines, start=1):
        words = line.split(maxsplit=1)
        if len(words) != 2 or words[0] in seen:
            raise UserError(f"{path}, line {number}: {line[:80]!r}, expected {form}, each utterance once")
        seen.add(words[0])
        yield words[0], words[1].strip()


def _read_alignments(folder):
    """Returns a dictionary from each utterance of all archives to its pdf ids, int32 [T]."""
    paths = sorted(path for path in folder.glob("pdf.*") if path.suffix != ".scp")
    if not paths:
        raise UserError(f"{folder}: no alignments pdf.*; make them from ali.*.gz with Kaldi's ali-to-pdf, as in "
                        "BUILD.md")
    alignments = {}
    for path in paths:
        for utterance, labels in _read_archive(path):
            where = f"{path}, utterance {utterance}"
            if utterance in alignments:
                raise UserError(f"{where}: aligned twice, expected each utterance once")
            if labels.ndim != 1 or labels.dtype.kind != "i" or not len(labels):
                raise UserError(f"{where}: {labels.dtype} of shape {labels.shape}, expected pdf ids, one whole "
                                "number for each frame")
            if labels.min() < 0 or labels.max() >= _MOST_CLASSES:
                raise UserError(f"{where}: pdf ids from {labels.min()} to {labels.max()}, expected "
                                f"0 to about {catalog.NETWORKS['F2'].classes - 1}")
            alignments[utterance] = labels.astype(np.int32, copy=False)
    return alignments


def _read_archive(path):
    """Yields the key and the value of each entry of an archive."""
    with _open(path) as file:
        while True:
            with _damage_as_error(path):
                if not file.peek(1):
                    return
                key = matio.read_token(file)
                if key is None:
                    raise ValueError("an entry without a name")
                if len(key.split()) != 1 or key.strip() != key:
                    raise ValueError(f"{key[:40]!r} is no utterance followed by its pdf ids")
            where = f"{path}, utterance {key}"
            with _damage_as_error(where):
                value = _read_value(file, where)
            yield key, value


def _read_value(file, where):
    """Returns the vector or matrix that begins at the file's position.

    Raises:
        UserError: the entry is of a kind that is refused.
        One of _DAMAGE: the entry is cut off or malformed.
    """
    first = file.read(1)
    if first == b"\0":
        head = first + file.read(2)
        read = matio.read_int32vector if head[2:] == b"\4" else matio.read_matrix_or_vector
        return read(MultiFileDescriptor(io.BytesIO(head), file))
    line = first if first == b"\n" else first + file.readline()
    for tag, kind in _FOREIGN_TAGS.items():
        if line.startswith(tag):
            raise UserError(f"{where}: {kind} ({tag.decode()}), which is not read; expected a vector or matrix "
                            "of Kaldi's")
    return _read_text(line.decode("ascii"), file)


def _read_text(line, file):
    # kaldiio 2.18.1 takes the type of all numbers from the first, so that "0 0.5" would fail.
    if "[" not in line:
        return np.array([int(word) for word in line.split()], np.int64)
    before, _, line = line.partition("[")
    # A vector is on the line of its bracket; the rows of a matrix are below it.
    is_vector = "]" in line
    rows = [line.partition("]")[0].split()]
    while "]" not in line:
        line = file.readline().decode("ascii")
        if not line:
            raise EOFError("no closing bracket")
        rows.append(line.partition("]")[0].split())
    if before.strip():
        raise ValueError(f"{before[:40]!r} before the bracket")
    rows = [row for row in rows if row]
    return np.array(rows[0] if is_vector and rows else rows, np.float32)


@contextlib.contextmanager
def _damage_as_error(where):
    try:
        yield
    except UserError:
        raise
    except _DAMAGE as error:
        raise UserError(f"{where}: damaged or no archive of Kaldi's ({one_line(error)[:120]}); copy it again "
                        "from Kaldi's folder") from error
    except OSError as error:
        if error.filename is not None:
            raise
        # An error in an open file has no name, and would be attributed to the file that is being written.
        raise UserError(f"{where}: cannot be read ({error.strerror or error})") from error
