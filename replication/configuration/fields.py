"""What the frozen values of a configuration have in common: JSON and a digest."""

import dataclasses
import hashlib
import json

from replication.errors import UserError

# What batch normalization uses in evaluation.
STATISTICS = ("batch", "moving")


class JsonRoundTrip:
    """Conversion of a frozen dataclass to a JSON object and back."""

    def to_json(self):
        """The fields as a JSON-ready dictionary."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: value.to_json() if hasattr(value, "to_json") else value for name, value in fields.items()}

    @classmethod
    def from_json(cls, fields):
        """The inverse of `to_json`; an unknown or missing field is a UserError that names it."""
        if not isinstance(fields, dict):
            raise UserError(f"{fields!r} in the place of a {cls.__name__}: expected a JSON object")
        known = {field.name: field for field in dataclasses.fields(cls)}
        if unknown := sorted(set(fields) - set(known)):
            raise UserError(f"unknown field {unknown[0]!r} in a {cls.__name__}")
        for name, field in known.items():
            if name not in fields and field.default is dataclasses.MISSING:
                raise UserError(f"missing field {name!r} in a {cls.__name__}")
        return cls(**fields)

    def digest(self):
        """Eight hexadecimal digits that change with every field.

        Options not taken (None, False, or the default of a field marked as `added`) are left out, so
        that an option added later leaves the digits of older records alone.
        """
        added = {field.name: field.default for field in dataclasses.fields(self) if "added" in field.metadata}
        taken = {name: value for name, value in self.to_json().items()
                 if value is not None and value is not False and not (name in added and value == added[name])}
        canonical = json.dumps(taken, sort_keys=True, allow_nan=False)
        return hashlib.sha256(canonical.encode()).hexdigest()[:8]


def added(default):
    """A field that older records do not have: its default plays no part in the digest."""
    return dataclasses.field(default=default, metadata={"added": True})
