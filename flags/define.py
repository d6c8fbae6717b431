"""Defines absl flags from the fields of configurations: name, default, help text and admitted values."""

import dataclasses

from absl import flags

from replication.fields import Boolean, Number, OneOf, Whole, WholeOrAll


def define(configuration, *names, prefix="", defaults=None, optional=False):
    """Defines a flag for each of several fields of a configuration.

    absl itself refuses a name that is not in a closed set and a number beyond the bounds, and lists both in `--help`.

    Args:
        configuration: A subclass of `fields.Configuration`.
        *names: Names of its fields; without any, all fields.
        prefix: Text in front of the names of the flags.
        defaults: By a field's name, the default of its flag instead of the field's own.
        optional: Whether the flags have no defaults, so that a flag that is given can be told from one that is not. The
            help text names the field's default then.

    Returns:
        The absl `FlagHolder`s, by the fields' names.
    """
    fields = {field.name: field for field in dataclasses.fields(configuration)}
    own = {name: None if optional else fields[name].default for name in fields}
    return {name: _define(fields[name], prefix, {**own, **(defaults or {})}[name], optional=optional)
            for name in names or fields}


def help_of(configuration, name):
    """Returns the help text of a field, for a flag that is defined by hand."""
    return {field.name: field for field in dataclasses.fields(configuration)}[name].metadata["help"]


def values(holders):
    """Returns the values of flags, by the fields' names."""
    return {name: holder.value for name, holder in holders.items()}


def given(holders):
    """Returns the values of those flags that are not None, by the fields' names."""
    return {name: holder.value for name, holder in holders.items() if holder.value is not None}


def jit_compile():
    """Defines the flag of the compilation by XLA."""
    return flags.DEFINE_enum(
        "jit_compile", "auto", ["auto", "on", "off"],
        "Whether XLA compiles the training step; auto: as measured for the network and the device, and off for "
        "deterministic runs and with a remedy or a strategy that XLA cannot compile.")


class _WholeOrAllParser(flags.IntegerParser):
    """Reads a whole number of at least 1, or the word "all"."""

    def __init__(self):
        super().__init__(lower_bound=1)
        self.syntactic_help = WholeOrAll().expected

    def parse(self, argument):
        try:
            return argument if argument == "all" else super().parse(argument)
        except ValueError:
            raise ValueError(f"expected {self.syntactic_help}") from None

    def flag_type(self):
        return "int or all"


class _NumberParser(flags.FloatParser):
    """Reads a number between the bounds of a `fields.Number`, of which absl would list excluded ones as admitted."""

    def __init__(self, admitted):
        super().__init__(admitted.above if admitted.at_least is None else admitted.at_least,
                         admitted.below if admitted.at_most is None else admitted.at_most)
        self.syntactic_help = admitted.expected


def _define(field, prefix, default, *, optional):
    name, help = prefix + (field.metadata["name"] or field.name), field.metadata["help"]
    if optional and field.default is not None:
        help += f" Default: {field.default}."
    admitted = field.metadata["values"]
    if isinstance(admitted, OneOf):
        return flags.DEFINE_enum(name, default, list(admitted.names), help)
    if isinstance(admitted, Boolean):
        return flags.DEFINE_bool(name, default, help)
    if isinstance(admitted, WholeOrAll):
        return flags.DEFINE(_WholeOrAllParser(), name, default, help, serializer=flags.ArgumentSerializer())
    if isinstance(admitted, Whole):
        return flags.DEFINE_integer(name, default, help, lower_bound=admitted.at_least, upper_bound=admitted.at_most)
    if isinstance(admitted, Number):
        return flags.DEFINE(_NumberParser(admitted), name, default, help, serializer=flags.ArgumentSerializer())
    return flags.DEFINE_string(name, default, help)
