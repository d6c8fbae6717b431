"""The flag that exports minimizers."""

from absl import flags

EXPORT_KERAS = flags.DEFINE_bool(
    "export_keras", False, "Also write each minimizer as final.keras beside its weights, and final.keras.md, which "
    "tells how to load it.")
