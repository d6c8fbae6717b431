"""Flags of the remedies: which one, and the options of each under its own name."""

import dataclasses

from absl import flags

from replication import errors, remedies
from replication.errors import UserError

_DEFINE = {bool: flags.DEFINE_bool, int: flags.DEFINE_integer, str: flags.DEFINE_string,
           float: flags.DEFINE_float, float | None: flags.DEFINE_float}
_HELP = {
    "augmentation_rotation": "Largest angle, in degrees to either side (the paper: 10).",
    "augmentation_translation": "Largest shift along either axis, as a share of the image's side (the paper: 0.2).",
    "augmentation_flip": "Whether half of the images are reflected horizontally (the paper: yes).",
    "conservative_iterations": "Iterations of the optimizer on each batch (the paper: 3).",
    "conservative_penalty": "lambda, the weight of ||x - x_k||^2 / 2 (the paper: 1e-3).",
    "adversarial_epsilon": "Size of the perturbation of each input (the paper: not stated).",
    "adversarial_clean_share": "Weight of the loss of the clean examples (Goodfellow et al.: 0.5).",
    "stability_deviation": "Standard deviation of the noise on the inputs (the paper: not stated).",
    "stability_weight": "Weight of the divergence between the outputs with and without noise (the paper: not stated).",
    "dynamic_sampling_test": "schedule: the batch grows by a factor each epoch; variance: when the variance of its "
                             "gradient asks for it (Byrd et al., 2012).",
    "dynamic_sampling_first_batch_size": "Batch of the first epoch; it grows up to the run's.",
    "dynamic_sampling_growth": "Of the schedule: factor on the batch size, an epoch.",
    "dynamic_sampling_theta": "Of the variance test: the largest standard error of a batch's gradient, as a share of "
                              "its length.",
    "sam_rho": "Radius of the ball around the weights; by default 0.05, adaptive 0.5.",
    "sam_adaptive": "Whether the ball is scaled by the weights (ASAM).",
}

_REMEDY = flags.DEFINE_string(
    "remedy", None, "A way of training that may help large batches: " + ", ".join(remedies.REMEDIES)
    + " (section 4 and appendix E). Options of a remedy begin with its name.")


def _define(remedy, field):
    name = f"{remedy}_{field.name}"
    default = "" if field.default is None else f" Default: {field.default}."
    return _DEFINE[field.type](name, None, _HELP.get(name, f"The option {field.name} of {remedy}.") + default)


_OPTIONS = {name: {field.name: _define(name, field) for field in dataclasses.fields(kind)}
            for name, kind in remedies.REMEDIES.items()}

HOLDERS = (_REMEDY, *(holder for options in _OPTIONS.values() for holder in options.values()))


def remedy():
    """The `remedies.Remedy` that the flags describe, or None.

    Raises:
        UserError: it is unknown, a value is out of range, or an option of another remedy is given.
    """
    if _REMEDY.value is not None:
        errors.require_name("remedy", _REMEDY.value, remedies.REMEDIES)
    given = {name: {option: holder.value for option, holder in options.items() if holder.value is not None}
             for name, options in _OPTIONS.items()}
    for name, options in given.items():
        if name != _REMEDY.value and options:
            raise UserError(f"--{name}_{next(iter(options))}: of use with --remedy={name} only")
    return None if _REMEDY.value is None else remedies.REMEDIES[_REMEDY.value](**given[_REMEDY.value])
