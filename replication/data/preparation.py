"""Prepares a data set once; no other module uses the network."""

import os
import pathlib
import queue
import tempfile
import threading
import urllib.parse

from replication import catalog, errors, files
from replication.data import cache, images, loading
from replication.errors import UserError, one_line


def prepare(dataset, data_dir=None, *, kaldi_dir=None, normalize_speakers=False, frames=None):
    """Prepares a data set for `load`.

    TFDS downloads and prepares the image data sets, whose arrays are then cached. Without a network this fails within
    seconds, before anything is written. Files that the user has put into DATA_DIR/downloads/manual are used instead
    of a download. "timit" is read from a folder that Kaldi has written, "timit_shaped" is generated.

    Args:
        dataset: A key of `catalog.DATASETS`.
        data_dir: Folder of the data sets; by default TFDS's own.
        kaldi_dir: For "timit" only: the folder described in `replication.data.timit`. By default prepared arrays are
            kept.
        normalize_speakers: For "timit" only, with `kaldi_dir`: whether to normalize the features of each speaker to
            mean 0 and variance 1, default False.
        frames: For "timit_shaped" only: number of frames of both splits together. By default prepared arrays are
            kept; without prepared arrays it is 50,000.

    Returns:
        One line that says what was done.

    Raises:
        UserError: the name is unknown, an option belongs to another data set, there is no internet connection, the
            download failed, or Kaldi's files are not valid; the message says what to do.
    """
    errors.require_name("dataset", dataset, catalog.DATASETS)
    for flag, given, owner in (("--kaldi_dir", kaldi_dir is not None, "timit"),
                               ("--normalize_speakers", normalize_speakers, "timit"),
                               ("--frames", frames is not None, "timit_shaped")):
        if given and dataset != owner:
            raise UserError(f"{flag}: only valid with --dataset={owner}")
    if normalize_speakers and kaldi_dir is None:
        raise UserError("--normalize_speakers: only valid with --kaldi_dir; prepared arrays are not changed")
    if dataset in loading.PREPARED_SETS:
        return _prepare_arrays(dataset, data_dir, kaldi_dir, normalize_speakers, frames)
    if dataset not in images.TFDS_NAMES:
        return f"{catalog.dataset_label(dataset)}: comes with the installed packages, nothing to prepare"
    found = images.is_prepared(dataset, data_dir)
    if not found:
        _download_and_prepare(dataset, images.resolve_data_dir(data_dir))
    images.load(dataset, data_dir)
    folder = images.prepared_folder(dataset, data_dir)
    return f"{dataset}: {'already prepared' if found else 'prepared'} in {folder}"


def why_unreachable(url, *, timeout=5.0):
    """Returns a few words on why a file cannot be downloaded, or None if it can.

    The request uses the same library as TFDS, and therefore the same proxies and certificates.

    Args:
        url: Address of the file.
        timeout: Seconds to wait for an answer, default 5.
    """
    answers = queue.SimpleQueue()
    # The request runs in a thread, because no timeout of a connection covers the look-up of the host's name.
    threading.Thread(target=lambda: answers.put(_request(url, timeout)), daemon=True).start()
    try:
        return answers.get(timeout=timeout)
    except queue.Empty:
        return f"no answer in {timeout:g} s"


def _request(url, timeout):
    import requests

    try:
        response = requests.head(url, timeout=timeout, allow_redirects=True)
    except (OSError, ValueError) as error:
        return type(error).__name__
    return None if response.ok else f"HTTP {response.status_code}"


def _prepare_arrays(dataset, data_dir, kaldi_dir, normalize_speakers, frames):
    from replication.data import timit, timit_shaped

    folder = loading.arrays_folder(dataset, data_dir)
    found = kaldi_dir is None and frames is None and cache.describe(folder, dataset) is not None
    if not found and dataset == "timit":
        if kaldi_dir is None:
            raise UserError("--kaldi_dir: required, the folder that Kaldi's recipe has written; see BUILD.md")
        timit.prepare(pathlib.Path(os.path.expanduser(kaldi_dir)), folder, normalize_speakers=normalize_speakers)
    elif not found:
        timit_shaped.prepare(folder, timit_shaped.DEFAULT_FRAMES if frames is None else frames)
    resolved = cache.describe(folder, dataset)
    return (f"{catalog.dataset_label(dataset)}: {'already prepared' if found else 'prepared'} in {folder}: "
            f"{resolved.training_size:,} training frames, {resolved.test_size:,} test frames, "
            f"{resolved.classes:,} classes")


def _download_and_prepare(dataset, data_dir):
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download import download_manager, extractor

    name, version = images.TFDS_NAMES[dataset].split(":")
    builder = tfds.builder_cls(name)(data_dir=data_dir, version=version)
    _check_sources(dataset, builder.url_infos, data_dir / "downloads")
    data_dir.mkdir(parents=True, exist_ok=True)
    # The folder for extraction must be empty: TFDS reuses extracted files by their names alone, and the files of
    # Fashion-MNIST have the names of MNIST's.
    with (tempfile.TemporaryDirectory(prefix=".extracted-", dir=data_dir) as extract_dir,
          images.fewer_messages()):
        try:
            builder.download_and_prepare(
                download_config=tfds.download.DownloadConfig(extract_dir=extract_dir))
        except (OSError, tfds.download.DownloadError, download_manager.NonMatchingChecksumError,
                extractor.ExtractError) as error:
            if getattr(error, "filename", None):
                raise
            raise UserError(f"{dataset}: cannot be prepared ({one_line(error)}); "
                            "run the command again") from error


def _check_sources(dataset, url_infos, downloads):
    """Raises a UserError unless each source file is on disk and correct, or can be downloaded."""
    manual = downloads / "manual"
    missing = {}
    for url, info in url_infos.items():
        path = manual / info.filename
        if not path.exists():
            if not _is_downloaded(url, info, downloads):
                missing[url] = info.filename
        elif files.file_checksum(path) != info.checksum:
            raise UserError(f"{path}: not the official file (SHA-256 is not {info.checksum}); replace "
                            f"it by {url}, or remove it to download it")
    url = next(iter(missing), None)
    if url and (reason := why_unreachable(url)):
        sources = " and ".join(sorted({address.rpartition("/")[0] + "/" for address in missing}))
        raise UserError(f"{dataset}: no internet connection ({urllib.parse.urlsplit(url).netloc}: {reason}); without "
                        f"one, put {', '.join(missing.values())} (from {sources}) into {manual} and run "
                        "the same command again")


def _is_downloaded(url, info, downloads):
    from tensorflow_datasets.core.download import resource

    name = resource.get_dl_fname(url, info.checksum)
    return any(resource.is_locally_cached(path) for path in downloads.rglob(name))
