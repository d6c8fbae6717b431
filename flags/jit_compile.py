"""Flag of the compilation by XLA."""

from absl import flags

JIT_COMPILE = flags.DEFINE_enum(
    "jit_compile", "auto", ["auto", "on", "off"],
    "Whether XLA compiles the training step; auto: as measured for the network and the device, and off with "
    "--deterministic and with a remedy or a strategy that XLA cannot compile.")
