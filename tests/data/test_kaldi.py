"""A bad folder of Kaldi's is refused with one line, and nothing on disk changes."""

import errno
import functools
import gzip
import os
import pathlib
import pickle

import kaldiio
import numpy as np
import pytest

from replication import data
from replication.errors import UserError
from tests.data import kaldi_fixture
from tests.scripts import script


def edit_scp(change, folder):
    path = folder / "train/feats.scp"
    lines = path.read_text().splitlines()
    lines[1] = change(*lines[1].split())
    path.write_text("".join(line + "\n" for line in lines if line))


def write_entry(content, folder):
    (folder / "train/other.ark").write_bytes(content)
    edit_scp(lambda name, file: f"{name} other.ark:0", folder)


def rewrite(change, folder):
    """Replaces the features of one utterance."""
    path = folder / "train/feats.scp"
    name, file = path.read_text().splitlines()[1].split()
    kaldiio.save_ark(str(folder / "train/other.ark"), {name: change(kaldiio.load_mat(file).copy())},
                     scp=str(folder / "train/other.scp"))
    edit_scp(lambda *_: (folder / "train/other.scp").read_text().strip(), folder)


def edit_pdf(change, folder):
    path = folder / "train/pdf.1.gz"
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    lines[1] = change(lines[1])
    path.write_bytes(gzip.compress("".join(line + "\n" for line in lines if line).encode()))


def set_nan(array):
    array[3, 5] = np.nan
    return array


def set_immense(array):
    array = array.astype(np.float64)
    array[2, 1] = 1e300
    return array


class _Bomb:
    def __reduce__(self):
        return os.mkdir, ("pickle-was-run",)


PICKLE = b"PKL" + pickle.dumps(_Bomb())
BAD_INPUT = {
    "pipe": (lambda f: edit_scp(lambda name, file: f"{name} mkdir {f}/run; cat {file} |", f),
             ["feats.scp", "FCJF0_SX1 mkdir", "a command, which is not run"]),
    "leading pipe": (lambda f: edit_scp(lambda name, file: f"{name} | mkdir {f}/run", f), ["a command"]),
    "standard input": (lambda f: edit_scp(lambda name, file: f"{name} -", f), ["FCJF0_SX1 -", "standard input"]),
    "range": (lambda f: edit_scp(lambda name, file: f"{name} {file}[0:5]", f), ["a range of frames"]),
    "offset of many digits": (lambda f: edit_scp(lambda name, file: f"{name} feats.ark:{'1' * 5000}", f),
                              ["feats.scp: entry FCJF0_SX1 feats.ark:111", "an offset beyond every file"]),
    "offset past the end": (lambda f: edit_scp(lambda name, file: f"{name} feats.ark:9999999", f),
                            ["feats.ark, utterance FCJF0_SX1", "ends before the offset 9999999 of feats.scp"]),
    "offset past all files": (lambda f: edit_scp(lambda name, file: f"{name} feats.ark:{10**18 - 1}", f),
                              ["feats.ark, utterance FCJF0_SX1", "ends before the offset 9999"]),
    "pickle": (functools.partial(write_entry, PICKLE), ["utterance FCJF0_SX1", "a pickle (PKL)"]),
    "pickled alignment": (lambda f: (f / "train/pdf.2").write_bytes(b"FCJF0_SX9 " + PICKLE),
                          ["pdf.2, utterance FCJF0_SX9", "a pickle (PKL)"]),
    "numpy": (functools.partial(write_entry, b"NPY\x01\x05hello"), ["a NumPy file"]),
    "audio": (functools.partial(write_entry, b"RIFF$\0\0\0WAVEfmt "), ["audio"]),
    "utterance without features": (lambda f: edit_scp(lambda *_: "", f),
                                   ["utterance FCJF0_SX1 (1 in all)", "no features"]),
    "utterance without alignment": (lambda f: edit_pdf(lambda line: "", f),
                                    ["utterance FCJF0_SX1 (1 in all)", "no alignment"]),
    "fewer labels": (lambda f: edit_pdf(lambda line: line.rpartition(" ")[0], f),
                     ["utterance FCJF0_SX1", "frames of features, but"]),
    "no labels": (lambda f: edit_pdf(lambda line: line.split()[0] + " ", f), ["FCJF0_SX1", "expected pdf ids"]),
    "negative label": (lambda f: edit_pdf(lambda line: line + " -1", f), ["FCJF0_SX1", "from -1"]),
    "immense label": (lambda f: edit_pdf(lambda line: line + " 2000000000", f), ["to 2000000000", "1972"]),
    "real label": (lambda f: edit_pdf(lambda line: line + " 1.5", f), ["pdf.1.gz", "damaged"]),
    "leading space": (lambda f: edit_pdf(lambda line: " " + line, f), ["pdf.1.gz", "an entry without a name"]),
    "aligned twice": (lambda f: (f / "train/pdf.2").write_bytes((f / "train/pdf.1.gz").read_bytes()),
                      ["pdf.2", "aligned twice"]),
    "transition ids only": (lambda f: (f / "train/pdf.1.gz").rename(f / "train/ali.1.gz"), ["ali-to-pdf"]),
    "truncated gz": (lambda f: os.truncate(f / "train/pdf.1.gz", 100), ["pdf.1.gz", "damaged"]),
    "truncated ark": (lambda f: os.truncate(f / "train/feats.ark", 50_000), ["feats.ark", "damaged"]),
    "flipped header": (functools.partial(write_entry, b"\0BFM \4\xff\xff\xff\x7f\4\x28\0\0\0"), ["damaged"]),
    "garbage": (functools.partial(write_entry, bytes(range(1, 200))), ["other.ark, utterance FCJF0_SX1", "damaged"]),
    "missing ark": (lambda f: (f / "test/feats.ark").unlink(), ["feats.ark: no such file"]),
    "no scp": (lambda f: (f / "test/feats.scp").unlink(), ["test/feats.scp: not there"]),
    "empty split": (lambda f: os.truncate(f / "test/feats.scp", 0), ["test/feats.scp: empty"]),
    "utterance twice": (lambda f: edit_scp(lambda name, file: f"{name} {file}\n{name} {file}", f),
                        ["feats.scp, line 3", "each utterance once"]),
    "entry without a file": (lambda f: edit_scp(lambda name, file: name, f), ["feats.scp, line 2"]),
    "not finite": (functools.partial(rewrite, set_nan), ["FCJF0_SX1", "frame 3, dimension 5 is nan"]),
    "beyond float32": (functools.partial(rewrite, set_immense),
                       ["FCJF0_SX1", "frame 2, dimension 1 is inf", "the range of float32"]),
    "dimension": (functools.partial(rewrite, lambda array: array[:, :13]), ["FCJF0_SX1", "13)", "[T, 40]"]),
}


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_one_line_and_harms_nothing(tmp_path, case):
    spoil, words = BAD_INPUT[case]
    kaldi_fixture.make(tmp_path / "kaldi")
    data.prepare("timit", tmp_path / "data", kaldi_dir=tmp_path / "kaldi")
    spoil(tmp_path / "kaldi")
    before = {path: path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()}
    for folder in (tmp_path / "data", tmp_path / "new"):
        with pytest.raises(UserError) as raised:
            data.prepare("timit", folder, kaldi_dir=tmp_path / "kaldi")
        message = str(raised.value)
        assert "\n" not in message
        for word in words:
            assert word in message
    assert {path: path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()} == before
    assert not (tmp_path / "kaldi/run").exists() and not pathlib.Path("pickle-was-run").exists()
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("kind, file", [
    ("pipe", "feats.scp"), ("pipe", "pdf.1.gz"), ("pipe", "feats.ark"), ("pipe", "utt2spk"), ("device", "feats.scp"),
    ("folder", "pdf.1.gz")])
def test_a_file_that_is_not_regular_is_refused_at_once(tmp_path, kind, file):
    kaldi_fixture.make(tmp_path / "kaldi")
    path = tmp_path / "kaldi/train" / file
    path.unlink()
    {"pipe": os.mkfifo, "device": lambda path: os.symlink("/dev/zero", path), "folder": os.mkdir}[kind](path)
    completed = script("prepare_data", "--dataset=timit", f"--kaldi_dir={tmp_path}/kaldi",
                       f"--data_dir={tmp_path}/data", "--normalize_speakers")
    assert completed.returncode == 1
    assert completed.stderr.splitlines()[-1].startswith(f"error: {path}: not a regular file")


@pytest.mark.parametrize("read, file", [("_Files.at", "feats.ark, utterance FCJF0_SX0"),
                                        ("matio.read_token", "pdf.1.gz")])
def test_an_unreadable_disk_is_not_attributed_to_the_cache(tmp_path, monkeypatch, read, file):
    kaldi_fixture.make(tmp_path / "kaldi")
    monkeypatch.setattr(f"replication.data.kaldi.{read}",
                        lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "Input/output error")))
    with pytest.raises(UserError, match=rf"kaldi/train/{file}: cannot be read \(Input/output error\)"):
        data.prepare("timit", tmp_path / "data", kaldi_dir=tmp_path / "kaldi")


def test_the_message_about_an_absent_alignment_does_not_mention_the_scp(tmp_path):
    kaldi_fixture.make(tmp_path / "kaldi")
    os.symlink(tmp_path / "gone", tmp_path / "kaldi/train/pdf.2")
    with pytest.raises(UserError, match="pdf.2: no such file$"):
        data.prepare("timit", tmp_path / "data", kaldi_dir=tmp_path / "kaldi")


def test_speakers_must_be_known(tmp_path):
    kaldi_fixture.make(tmp_path / "kaldi")
    path = tmp_path / "kaldi/train/utt2spk"
    for spoil, words in ((lambda: path.write_text("FCJF0_SX0 FCJF0\n"), "no speaker for utterance FCJF0_SX1"),
                         (path.unlink, "utt2spk: not there")):
        spoil()
        with pytest.raises(UserError, match=words):
            data.prepare("timit", tmp_path / "data", kaldi_dir=tmp_path / "kaldi", normalize_speakers=True)
