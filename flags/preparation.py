"""Flags of the preparation of a data set."""

from absl import flags

_KALDI_DIR = flags.DEFINE_string(
    "kaldi_dir", None, "With --dataset=timit: folder with the train/ and test/ of Kaldi's recipe; see BUILD.md.")
_NORMALIZE_SPEAKERS = flags.DEFINE_bool(
    "normalize_speakers", False, "With --dataset=timit: give each feature mean 0 and variance 1 for each speaker "
    "(needs utt2spk).")
_FRAMES = flags.DEFINE_integer(
    "frames", None, "With --dataset=timit_shaped: number of frames to generate, training and test together (the "
    "paper's TIMIT: 1031950); by default 50000, or those that are prepared.")


def options():
    """Returns the options of `data.prepare`, as a dictionary."""
    return {"kaldi_dir": _KALDI_DIR.value, "normalize_speakers": _NORMALIZE_SPEAKERS.value, "frames": _FRAMES.value}
