"""Preparation downloads, reads local files, or ends with one line and leaves nothing."""

import dataclasses
import hashlib
import http.server
import io
import os
import pathlib
import socket
import tarfile
import threading
import time
import types

import numpy as np
import pytest

from replication import catalog, data
from replication.data import preparation
from replication.errors import UserError
from tests.scripts import script

ROOT = pathlib.Path(__file__).parents[2]
URL = "https://host.example/sets/images.gz"


def closed_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def run_script(*flags, **environment):
    return script("prepare_data", *flags, env=environment)


def assert_one_line(completed):
    assert completed.returncode == 1
    assert completed.stdout == ""
    assert completed.stderr.startswith("error: ") and completed.stderr.count("\n") == 1


def test_without_a_network_it_ends_with_one_line_and_leaves_nothing(tmp_path):
    proxy = f"http://127.0.0.1:{closed_port()}"
    proxies = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    start = time.monotonic()
    completed = run_script(
        "--dataset=mnist", f"--data_dir={tmp_path}/sets", no_proxy="", NO_PROXY="",
        **dict.fromkeys(proxies, proxy))
    assert time.monotonic() - start < 20
    assert_one_line(completed)
    for part in ("no internet connection", "train-images-idx3-ubyte.gz", "https://storage.googleapis.com/cvdf-datasets/mnist/",
                 f"{tmp_path}/sets/downloads/manual"):
        assert part in completed.stderr
    assert not list(tmp_path.iterdir())


def test_wrong_flags_end_with_one_line():
    completed = run_script()
    assert_one_line(completed)
    assert "--dataset: required" in completed.stderr
    completed = run_script("--dataset=mnits")
    assert completed.returncode == 1
    assert completed.stderr.startswith(
        "FATAL Flags parsing error: flag --dataset=mnits: value should be one of <digits|")


def test_digits_need_no_preparation():
    completed = run_script("--dataset=digits")
    assert completed.returncode == 0 and "nothing to prepare" in completed.stdout


def test_prepared_data_are_left_alone_and_cached(data_dir, monkeypatch):
    monkeypatch.setattr(preparation, "why_unreachable", lambda url: pytest.fail("asked for a network"))
    assert data.prepare("mnist", data_dir) == f"mnist: already prepared in {data_dir}/mnist/3.0.1"
    assert (data_dir / "mnist/3.0.1-arrays/arrays.json").exists()


def infos(content):
    return {URL: types.SimpleNamespace(filename="images.gz", checksum=hashlib.sha256(content).hexdigest())}


def test_manual_files_take_the_place_of_a_network(tmp_path, monkeypatch):
    monkeypatch.setattr(preparation, "why_unreachable", lambda url: pytest.fail("asked for a network"))
    (tmp_path / "manual").mkdir()
    (tmp_path / "manual/images.gz").write_bytes(b"right")
    preparation._check_sources("mnist", infos(b"right"), tmp_path)
    with pytest.raises(UserError, match="manual/images.gz: not the official file .* replace it by https://host"):
        preparation._check_sources("mnist", infos(b"other"), tmp_path)


def test_earlier_downloads_take_the_place_of_a_network(tmp_path, monkeypatch):
    from tensorflow_datasets.core.download import resource

    monkeypatch.setattr(preparation, "why_unreachable", lambda url: "ConnectionError")
    with pytest.raises(UserError, match="no internet connection .host.example: ConnectionError.*put images.gz"):
        preparation._check_sources("mnist", infos(b"right"), tmp_path)
    path = tmp_path / "mnist" / resource.get_dl_fname(URL, infos(b"right")[URL].checksum)
    path.parent.mkdir()
    path.write_bytes(b"right")
    path.with_name(path.name + ".INFO").write_text("{}")
    preparation._check_sources("mnist", infos(b"right"), tmp_path)


CIFAR = {
    "cifar10": ("cifar-10-binary.tar.gz", "cifar-10-batches-bin", [f"data_batch_{i}.bin" for i in range(1, 6)],
                "test_batch.bin", {"batches.meta.txt": 10}),
    "cifar100": ("cifar-100-binary.tar.gz", "cifar-100-binary", 5 * ["train.bin"], "test.bin",
                 {"coarse_label_names.txt": 20, "fine_label_names.txt": 100}),
}


def cifar_archive(path, dataset):
    """Writes the official binary version with 40 and 20 images: image i has all bytes i and the label i % 10."""
    _, folder, train, test, names = CIFAR[dataset]
    coarse = bytes(1) if dataset == "cifar100" else b""
    members = {file: "\n".join(map(str, range(count))).encode() for file, count in names.items()}
    for i in range(60):
        file = train[i // 8] if i < 40 else test
        members[file] = members.get(file, b"") + coarse + bytes([i % 10]) + bytes([i]) * 3072
    with tarfile.open(path, "w:gz") as archive:
        for file, content in members.items():
            info = tarfile.TarInfo(f"{folder}/{file}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


@pytest.fixture(params=list(CIFAR))
def manual_cifar(request, tmp_path, monkeypatch):
    """The name of a data set whose official archive, made small, lies in tmp_path/downloads/manual."""
    import tensorflow_datasets as tfds

    dataset = request.param
    monkeypatch.setattr(preparation, "why_unreachable", lambda url: pytest.fail("asked for a network"))
    monkeypatch.setitem(catalog.DATASETS, dataset, dataclasses.replace(
        catalog.DATASETS[dataset], training_size=40, test_size=20))
    path = tmp_path / "downloads/manual" / CIFAR[dataset][0]
    path.parent.mkdir(parents=True)
    cifar_archive(path, dataset)
    builder = tfds.builder_cls(dataset)
    ((url, info),) = builder.url_infos.items()
    assert info.filename == path.name
    monkeypatch.setattr(builder, "url_infos", {url: dataclasses.replace(
        info, size=path.stat().st_size, checksum=hashlib.sha256(path.read_bytes()).hexdigest())})
    return dataset


def test_cifar_is_prepared_from_the_official_archive(manual_cifar, tmp_path):
    assert data.prepare(manual_cifar, tmp_path) == f"{manual_cifar}: prepared in {tmp_path}/{manual_cifar}/3.0.2"
    loaded = data.load(manual_cifar, tmp_path)
    numbers = np.rint(loaded.train_inputs[:, 0, 0, 0] * 255).astype(int)
    assert sorted(numbers) == list(range(40))
    np.testing.assert_array_equal(loaded.train_labels, numbers % 10)
    assert sorted(path.name for path in tmp_path.iterdir()) == [manual_cifar, "downloads"]


def test_truncated_archive_of_cifar_is_named(manual_cifar, tmp_path):
    path = tmp_path / "downloads/manual" / CIFAR[manual_cifar][0]
    os.truncate(path, path.stat().st_size - 100)
    with pytest.raises(UserError, match="not the official file .* replace it by https://www.cs.toronto.edu"):
        data.prepare(manual_cifar, tmp_path)
    assert not (tmp_path / manual_cifar).exists()


@pytest.fixture
def direct(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def test_an_address_that_answers_is_reachable(direct):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(200 if self.path == "/there" else 404)
            self.end_headers()

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}"
        assert preparation.why_unreachable(base + "/there") is None
        assert preparation.why_unreachable(base + "/gone") == "HTTP 404"
        server.shutdown()


def test_a_silent_host_is_given_up(direct):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        start = time.monotonic()
        assert preparation.why_unreachable(f"http://127.0.0.1:{silent.getsockname()[1]}/x", timeout=0.5)
        assert time.monotonic() - start < 3


def test_a_closed_port_is_named(direct):
    assert preparation.why_unreachable(f"http://127.0.0.1:{closed_port()}/x") == "ConnectionError"
