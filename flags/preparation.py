"""Flags of the preparation of a data set."""

from absl import flags

_KALDI_DIR = flags.DEFINE_string(
    "kaldi_dir", None, "timit: folder with what Kaldi's recipe has left in train/ and test/; see BUILD.md.")
_NORMALIZE_SPEAKERS = flags.DEFINE_bool(
    "normalize_speakers", False, "timit: mean 0 and variance 1 of each feature for each speaker (needs utt2spk).")
_FRAMES = flags.DEFINE_integer(
    "frames", None, "timit_shaped: frames to generate, training and test together (the paper's TIMIT: 1031950). "
    "Without it 50000, or what is there.")


def options():
    """The options of `data.prepare`, as a dictionary."""
    return {"kaldi_dir": _KALDI_DIR.value, "normalize_speakers": _NORMALIZE_SPEAKERS.value, "frames": _FRAMES.value}
