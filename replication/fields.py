"""Fields of configurations: each states its default, its help text and the values it admits, once.

Flags, `--help`, checks, the tuner's search space and the JSON of records are made from these fields.
"""

import dataclasses
import hashlib
import json

from replication.errors import UserError, is_finite, is_whole, require

# Passed as the default of a field that must be given.
REQUIRED = dataclasses.MISSING


@dataclasses.dataclass(frozen=True)
class Whole:
    """Whole numbers from `at_least` to `at_most`, both included; None leaves the upper end open."""

    at_least: int = 0
    at_most: int | None = None

    def admits(self, value):
        """Whether `value` is one of them."""
        return is_whole(value, self.at_least) and (self.at_most is None or value <= self.at_most)

    @property
    def expected(self):
        """The values in words."""
        if self.at_most is None:
            return f"a whole number of at least {self.at_least}"
        return f"a whole number from {self.at_least} to {self.at_most}"

    @property
    def schema(self):
        """The values as a JSON Schema."""
        upper = {} if self.at_most is None else {"maximum": self.at_most}
        return {"type": "integer", "minimum": self.at_least, **upper}


@dataclasses.dataclass(frozen=True)
class WholeOrAll(Whole):
    """Whole numbers of at least 1, and the word "all"."""

    at_least: int = 1

    def admits(self, value):
        """Whether `value` is one of them."""
        return value == "all" or super().admits(value)

    @property
    def expected(self):
        """The values in words."""
        return f"{super().expected}, or all"

    @property
    def schema(self):
        """The values as a JSON Schema."""
        return {"anyOf": [super().schema, {"const": "all"}]}


@dataclasses.dataclass(frozen=True)
class Number:
    """Finite real numbers between two bounds.

    Attributes:
        at_least, above: The lower bound, included or excluded; None for none.
        at_most, below: The upper bound, included or excluded; None for none.
    """

    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None

    def admits(self, value):
        """Whether `value` is one of them."""
        return (is_finite(value) and (self.at_least is None or value >= self.at_least)
                and (self.above is None or value > self.above) and (self.at_most is None or value <= self.at_most)
                and (self.below is None or value < self.below))

    @property
    def expected(self):
        """The values in words."""
        lower = self.above if self.at_least is None else self.at_least
        upper = self.below if self.at_most is None else self.at_most
        if lower is None and upper is None:
            return "a finite number"
        if upper is None:
            return "a positive number" if self.above == 0 else f"a number of at least {lower}"
        left, right = "(" if self.at_least is None else "[", ")" if self.at_most is None else "]"
        return f"a number in {left}{lower}, {upper}{right}"

    @property
    def schema(self):
        """The values as a JSON Schema."""
        bounds = {"minimum": self.at_least, "exclusiveMinimum": self.above, "maximum": self.at_most,
                  "exclusiveMaximum": self.below}
        return {"type": "number", **{name: bound for name, bound in bounds.items() if bound is not None}}


@dataclasses.dataclass(frozen=True)
class OneOf:
    """One of some names, a container that is read whenever a value is checked: entries may be added to it."""

    names: object

    def admits(self, value):
        """Whether `value` is one of them."""
        return isinstance(value, str) and value in self.names

    @property
    def expected(self):
        """The values in words."""
        return "one of " + ", ".join(self.names)

    @property
    def schema(self):
        """The values as a JSON Schema: any text if names may be added, as in a dictionary."""
        return {"enum": list(self.names)} if isinstance(self.names, tuple) else {"type": "string"}


@dataclasses.dataclass(frozen=True)
class Boolean:
    """True and False."""

    expected = "true or false"
    schema = {"type": "boolean"}

    def admits(self, value):
        """Whether `value` is one of them."""
        return isinstance(value, bool)


@dataclasses.dataclass(frozen=True)
class Search:
    """The range in which the tuner looks for a number.

    Attributes:
        low, high: Its ends, both included.
        log: Whether the tuner samples the logarithm uniformly.
    """

    low: float
    high: float
    log: bool = False


def whole(default, help, *, at_least=0, at_most=None, **options):
    """A field of whole numbers; `options` are those of `choice`."""
    return choice(default, help, Whole(at_least, at_most), **options)


def number(default, help, *, at_least=None, above=None, at_most=None, below=None, **options):
    """A field of finite real numbers; `options` are those of `choice`."""
    return choice(default, help, Number(at_least, above, at_most, below), **options)


def boolean(default, help, **options):
    """A field that is true or false; `options` are those of `choice`."""
    return choice(default, help, Boolean(), **options)


def one_of(names, default, help, **options):
    """A field that holds one of `names`; `options` are those of `choice`."""
    return choice(default, help, OneOf(names), **options)


def choice(default, help, values=None, *, expected=None, name=None, search=None, added=False, nullable=False,
           from_json=None):
    """A field of a `Configuration`.

    Args:
        default: Its default, or REQUIRED. Where it is None, None is admitted beside `values`.
        help: What the field decides; also the help text of its flag.
        values: A `Whole`, `Number`, `OneOf` or `Boolean`; None if the configuration checks the field itself.
        expected: What a message says would be right; None for `values.expected`.
        name: Its name in flags and messages; None for the field's own.
        search: The `Search` range of the tuner; None if the tuner leaves the field alone, True for a field of
            names or truth values that the tuner chooses from.
        added: Whether older records lack the field: its default then plays no part in the digest.
        nullable: Whether None is admitted beside `values` although it is not the default.
        from_json: Function that reads a nested configuration from its JSON object; None for a plain value.
    """
    return dataclasses.field(default=default, metadata={
        "help": help, "values": values, "expected": expected, "name": name, "search": search, "added": added,
        "nullable": nullable, "from_json": from_json})


class Configuration:
    """Base class of frozen dataclasses of choices: it checks each field, and converts to a JSON object and back.

    Attributes:
        PREFIX: What stands before the names of its fields in flags and messages.
    """

    PREFIX = ""

    def __post_init__(self):
        """Checks every field.

        Raises:
            UserError: a value is not admitted; the message names the field and what would be right.
        """
        for field in dataclasses.fields(self):
            values, value = field.metadata.get("values"), _plain(getattr(self, field.name))
            nullable = field.default is None or field.metadata.get("nullable")
            if values is not None and not (value is None and nullable):
                require(values.admits(value), self.PREFIX + (field.metadata["name"] or field.name), value,
                        field.metadata["expected"] or values.expected)
                if isinstance(values, Number):
                    # 1 and 1.0 are one choice, with one digest.
                    value = float(value)
            object.__setattr__(self, field.name, value)

    def to_json(self):
        """The fields as a JSON-ready dictionary."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: value.to_json() if hasattr(value, "to_json") else value for name, value in fields.items()}

    @classmethod
    def from_json(cls, content):
        """The inverse of `to_json`.

        Raises:
            UserError: a field is unknown, missing or out of range; the message names it.
        """
        if not isinstance(content, dict):
            raise UserError(f"{content!r} in the place of a {cls.__name__}: expected a JSON object")
        known = {field.name: field for field in dataclasses.fields(cls)}
        if unknown := sorted(set(content) - set(known)):
            raise UserError(f"unknown field {unknown[0]!r} in a {cls.__name__}")
        for name, field in known.items():
            if name not in content and field.default is REQUIRED:
                raise UserError(f"missing field {name!r} in a {cls.__name__}")
        nested = {name: field.metadata["from_json"] for name, field in known.items() if field.metadata.get("from_json")}
        return cls(**{name: nested[name](value) if name in nested and value is not None else value
                      for name, value in content.items()})

    @classmethod
    def json_schema(cls):
        """The JSON Schema of `to_json`, which records of older versions also fulfil: they may lack later fields."""
        properties, required = {}, []
        for field in dataclasses.fields(cls):
            values = field.metadata.get("values")
            schema = {"type": "object"} if field.metadata.get("from_json") else values.schema if values else {}
            if schema and (field.default is None or field.metadata.get("nullable")):
                schema = {"anyOf": [schema, {"type": "null"}]}
            properties[field.name] = {"description": field.metadata["help"], **schema}
            if field.default is REQUIRED:
                required.append(field.name)
        return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}

    def digest(self):
        """Eight hexadecimal digits that change with every field.

        Options not taken (None, False, or the default of a field marked as `added`) are left out, so that an option
        added later leaves the digests of older records alone.
        """
        return self.digest_of(self.to_json())

    @classmethod
    def digest_of(cls, content):
        """The `digest` of the configuration with this JSON object, whose values need not be admitted here."""
        added = {field.name: field.default for field in dataclasses.fields(cls) if field.metadata.get("added")}
        taken = {name: value for name, value in content.items()
                 if value is not None and value is not False and not (name in added and value == added[name])}
        canonical = json.dumps(taken, sort_keys=True, allow_nan=False)
        return hashlib.sha256(canonical.encode()).hexdigest()[:8]


def _plain(value):
    """Returns a scalar of NumPy as the Python number that it holds, and anything else as it is."""
    return value.item() if getattr(value, "shape", None) == () and hasattr(value, "item") else value
