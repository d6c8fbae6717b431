"""The peer's process: what it imports, what it times, and how it may end."""

import sys

import pytest

from benchmarks import comparisons, peer, timing, torch_peer, torch_training  # noqa: F401


@pytest.fixture
def fake():
    made = peer.Peer("tests.benchmarks.fake_peer", "Fake")
    yield made
    made.close()


def test_neither_side_imports_the_others_library(fake):
    # The imports at the top of this file have not imported it.
    assert "torch" not in sys.modules
    assert "tensorflow" not in fake.call("modules")


def test_pytorch_is_imported_in_the_peers_process_only():
    if torch_peer.version() is None:
        pytest.skip("PyTorch is not installed")
    asked = peer.Peer("benchmarks.torch_peer", "Installation")
    assert asked.call("has_cuda") in (True, False) and "torch" not in sys.modules
    asked.close()


def test_the_seconds_are_those_of_the_call(fake):
    assert 0.05 <= timing.seconds(lambda: fake.time("sleep", 0.05)) < 5
    assert fake.time("sleep", 0.0).seconds < 0.05
    assert len(fake.call("sleep", 0.0)) == 10_000_000


def test_a_peer_that_dies_leaves_our_own_times(fake):
    times, reason = timing.interleaved_with_peer({"ours": lambda: None}, {"theirs": lambda: fake.time("die")}, rounds=2)
    assert set(times) == {"ours"} and len(times["ours"]) == 2 and reason == "died: SIGSEGV"


def test_an_error_of_the_peer_is_told_in_a_line(fake):
    with pytest.raises(peer.Died, match="^failed: ValueError: wrong shape$"):
        fake.call("fail")
    with pytest.raises(peer.Died, match="^failed: RuntimeError: no library$"):
        peer.Peer("tests.benchmarks.fake_peer", "Fake", fails=True)
    with pytest.raises(peer.Died, match="^failed: ModuleNotFoundError"):
        peer.Peer("tests.benchmarks.no_such_module", "Fake")
