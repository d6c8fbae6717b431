"""Flags of the devices of one run."""

from absl import flags

from replication.errors import UserError, require

STRATEGY = flags.DEFINE_enum(
    "strategy", "one", ["one", "mirrored"], "one device, or tf.distribute.MirroredStrategy over several.")
DEVICES = flags.DEFINE_integer(
    "devices", None, "mirrored: number of GPUs, or on a machine without any of equal parts of the processor, to try it "
    "out. Without it, all GPUs.")


def number():
    """How many devices, a whole number of at least 2; None for one.

    Raises:
        UserError: --devices comes without the strategy, or is missing on a machine without two GPUs, or below 2.
    """
    if STRATEGY.value == "one":
        if DEVICES.present:
            raise UserError("--devices: of use with --strategy=mirrored only")
        return None
    if DEVICES.value is not None:
        require(DEVICES.value >= 2, "--devices", DEVICES.value, "a whole number of at least 2")
        return DEVICES.value
    from replication.devices import available

    if available() < 2:
        raise UserError("--strategy=mirrored: this machine has no two GPUs; --devices=N takes N parts of its processor")
    return available()
