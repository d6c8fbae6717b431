"""Preparing a data set, once. The only module that uses the network."""

import pathlib
import tempfile
import urllib.parse

from replication import catalog, errors, files
from replication.data import cache, images, loading, network
from replication.errors import UserError


def prepare(dataset, data_dir=None, *, kaldi_dir=None, normalize_speakers=False, frames=None):
    """Makes a data set ready for `load`.

    For TFDS's data sets: its download and preparation, then the cache of arrays. Without a network that
    ends within seconds and before anything is written. Files that the user has put into
    DATA_DIR/downloads/manual are taken in place of a download. "timit" is read from a folder of Kaldi's,
    "timit_shaped" is generated.

    Args:
        dataset: A key of `catalog.DATASETS`.
        data_dir: Folder of the data sets; None (default) for TFDS's own.
        kaldi_dir: For "timit" only: the folder described in `replication.data.timit`. None (default)
            keeps what is prepared.
        normalize_speakers: For "timit" only, with `kaldi_dir`: mean 0 and variance 1 for each speaker.
        frames: For "timit_shaped" only: frames of both splits together. None (default) keeps what is
            prepared, or else makes 50,000.

    Returns:
        One line that says what was done.

    Raises:
        UserError: the name is unknown, an option is another data set's, there is no network, the
            download failed, or Kaldi's files are not as they should be; the message says what to do.
    """
    errors.require_name("dataset", dataset, catalog.DATASETS)
    for flag, given, owner in (("--kaldi_dir", kaldi_dir is not None, "timit"),
                               ("--normalize_speakers", normalize_speakers, "timit"),
                               ("--frames", frames is not None, "timit_shaped")):
        if given and dataset != owner:
            raise UserError(f"{flag}: of use with --dataset={owner} only")
    if normalize_speakers and kaldi_dir is None:
        raise UserError("--normalize_speakers: of use with --kaldi_dir only; prepared arrays stay as they are")
    if dataset in loading.PREPARED_SETS:
        return _prepare_arrays(dataset, data_dir, kaldi_dir, normalize_speakers, frames)
    if dataset not in images.TFDS_NAMES:
        return f"{dataset}: comes with scikit-learn, nothing to prepare"
    found = images.is_prepared(dataset, data_dir)
    if not found:
        _download_and_prepare(dataset, images.resolve_data_dir(data_dir))
    images.load(dataset, data_dir)
    folder = images.prepared_folder(dataset, data_dir)
    return f"{dataset}: {'already prepared' if found else 'prepared'} in {folder}"


def _prepare_arrays(dataset, data_dir, kaldi_dir, normalize_speakers, frames):
    from replication.data import timit, timit_shaped

    folder = loading.arrays_folder(dataset, data_dir)
    found = kaldi_dir is None and frames is None and cache.describe(folder, dataset) is not None
    if not found and dataset == "timit":
        if kaldi_dir is None:
            raise UserError("--kaldi_dir: required, the folder that Kaldi's recipe has left; see BUILD.md")
        timit.prepare(pathlib.Path(kaldi_dir).expanduser(), folder, normalize_speakers=normalize_speakers)
    elif not found:
        timit_shaped.prepare(folder, timit_shaped.DEFAULT_FRAMES if frames is None else frames)
    made = cache.describe(folder, dataset)
    return (f"{dataset}{' (synthetic)' if made.synthetic else ''}: {'already prepared' if found else 'prepared'} in "
            f"{folder}: {made.training_size:,} training frames, {made.test_size:,} test frames, "
            f"{made.classes:,} classes")


def _download_and_prepare(dataset, data_dir):
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download import download_manager, extractor

    name, version = images.TFDS_NAMES[dataset].split(":")
    builder = tfds.builder_cls(name)(data_dir=data_dir, version=version)
    _check_sources(dataset, builder.url_infos, data_dir / "downloads")
    data_dir.mkdir(parents=True, exist_ok=True)
    # TFDS takes up an earlier extraction by its name alone, and the files of Fashion-MNIST have the
    # names of MNIST's: an empty folder each time.
    with (tempfile.TemporaryDirectory(prefix=".extracted-", dir=data_dir) as extract_dir,
          images.fewer_messages()):
        try:
            builder.download_and_prepare(
                download_config=tfds.download.DownloadConfig(extract_dir=extract_dir))
        except (OSError, tfds.download.DownloadError, download_manager.NonMatchingChecksumError,
                extractor.ExtractError) as error:
            if getattr(error, "filename", None):
                raise
            raise UserError(f"{dataset}: cannot be prepared ({' '.join(str(error).split())}); "
                            "run the command again") from error


def _check_sources(dataset, url_infos, downloads):
    """Raises a UserError unless every source file is at hand, sound, or can be downloaded."""
    manual = downloads / "manual"
    missing = {}
    for url, info in url_infos.items():
        path = manual / info.filename
        if not path.exists():
            if not _is_downloaded(url, info, downloads):
                missing[url] = info.filename
        elif files.file_checksum(path) != info.checksum:
            raise UserError(f"{path}: not the official file (SHA-256 is not {info.checksum}); replace "
                            f"it by {url}, or remove it to have it downloaded")
    url = next(iter(missing), None)
    if url and (reason := network.why_unreachable(url)):
        sources = " and ".join(sorted({address.rpartition("/")[0] + "/" for address in missing}))
        raise UserError(f"{dataset}: no network ({urllib.parse.urlsplit(url).netloc}: {reason}); without "
                        f"one, put {', '.join(missing.values())} (from {sources}) into {manual} and run "
                        "the same command again")


def _is_downloaded(url, info, downloads):
    from tensorflow_datasets.core.download import resource

    name = resource.get_dl_fname(url, info.checksum)
    return any(resource.is_locally_cached(path) for path in downloads.rglob(name))
