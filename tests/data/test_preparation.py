import hashlib
import http.server
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time
import types

import pytest

from replication import data
from replication.data import network, preparation
from replication.errors import UserError

ROOT = pathlib.Path(__file__).parents[2]
URL = "https://host.example/sets/images.gz"


def closed_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def run_script(*flags, **environment):
    return subprocess.run(
        [sys.executable, "-m", "replication.prepare_data", *flags], cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, **environment}, timeout=60)


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
    for part in ("no network", "train-images-idx3-ubyte.gz", "https://storage.googleapis.com/cvdf-datasets/mnist/",
                 f"{tmp_path}/sets/downloads/manual"):
        assert part in completed.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("flags, message", [
    (["--dataset=mnits"], "--dataset='mnits': expected one of digits, mnist"),
    ([], "--dataset: required"),
])
def test_wrong_flags_end_with_one_line(flags, message):
    completed = run_script(*flags)
    assert_one_line(completed)
    assert message in completed.stderr


def test_digits_need_no_preparation():
    completed = run_script("--dataset=digits")
    assert completed.returncode == 0 and "nothing to prepare" in completed.stdout


def test_prepared_data_are_left_alone_and_cached(data_dir, monkeypatch):
    monkeypatch.setattr(network, "why_unreachable", lambda url: pytest.fail("asked for a network"))
    assert data.prepare("mnist", data_dir) == f"mnist: already prepared in {data_dir}/mnist/3.0.1"
    assert (data_dir / "mnist/3.0.1-arrays/arrays.json").exists()


def infos(content):
    return {URL: types.SimpleNamespace(filename="images.gz", checksum=hashlib.sha256(content).hexdigest())}


def test_manual_files_take_the_place_of_a_network(tmp_path, monkeypatch):
    monkeypatch.setattr(network, "why_unreachable", lambda url: pytest.fail("asked for a network"))
    (tmp_path / "manual").mkdir()
    (tmp_path / "manual/images.gz").write_bytes(b"right")
    preparation._check_sources("mnist", infos(b"right"), tmp_path)
    with pytest.raises(UserError, match="manual/images.gz: not the official file .* replace it by https://host"):
        preparation._check_sources("mnist", infos(b"other"), tmp_path)


def test_earlier_downloads_take_the_place_of_a_network(tmp_path, monkeypatch):
    from tensorflow_datasets.core.download import resource

    monkeypatch.setattr(network, "why_unreachable", lambda url: "ConnectionError")
    with pytest.raises(UserError, match="no network .host.example: ConnectionError.*put images.gz"):
        preparation._check_sources("mnist", infos(b"right"), tmp_path)
    path = tmp_path / "mnist" / resource.get_dl_fname(URL, infos(b"right")[URL].checksum)
    path.parent.mkdir()
    path.write_bytes(b"right")
    path.with_name(path.name + ".INFO").write_text("{}")
    preparation._check_sources("mnist", infos(b"right"), tmp_path)


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
        assert network.why_unreachable(base + "/there") is None
        assert network.why_unreachable(base + "/gone") == "HTTP 404"
        server.shutdown()


def test_a_silent_host_is_given_up(direct):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        start = time.monotonic()
        assert network.why_unreachable(f"http://127.0.0.1:{silent.getsockname()[1]}/x", timeout=0.5)
        assert time.monotonic() - start < 3


def test_a_closed_port_is_named(direct):
    assert network.why_unreachable(f"http://127.0.0.1:{closed_port()}/x") == "ConnectionError"
