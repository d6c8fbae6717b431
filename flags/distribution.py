"""Flags of the devices of one run."""

from absl import flags

from replication.errors import UserError

STRATEGY = flags.DEFINE_enum(
    "strategy", "one", ["one", "mirrored"], "One device, or several by tf.distribute.MirroredStrategy.")
DEVICES = flags.DEFINE_integer(
    "devices", None, "With --strategy=mirrored: number of GPUs (default: all). Without GPUs: split the CPU into this "
    "many devices, for testing.", lower_bound=2)


def number(available):
    """Returns the number of devices, a whole number of at least 2; None for one device.

    Args:
        available: Function to the number of GPUs of this machine; it is called if --devices is not given.

    Raises:
        UserError: --devices is given without the strategy, or is missing on a machine without two GPUs.
    """
    if STRATEGY.value == "one":
        if DEVICES.present:
            raise UserError("--devices: only valid with --strategy=mirrored")
        return None
    if DEVICES.value is not None:
        return DEVICES.value
    if (gpus := available()) < 2:
        raise UserError("--strategy=mirrored: this machine has fewer than two GPUs; --devices=N splits its "
                        "processor into N devices")
    return gpus
