"""JSON Schemas of the records, made from the fields of the configurations.

    python -m replication.records.schemas docs/schemas

writes them, a file for each kind of record.
"""

import json
import pathlib
import sys

from replication import configuration, files
from replication.configuration.measurements.base import NUMBER, OBJECT, TEXT, WHOLE

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_METRICS = {"type": "object", "required": ["train_loss", "train_accuracy", "test_loss", "test_accuracy"],
            "additionalProperties": NUMBER}
_RESULT = {
    "epochs": WHOLE, "stop": TEXT, "stops": {"type": "object", "additionalProperties": WHOLE},
    "target_reached": {"type": ["integer", "null"]}, "batch": _METRICS, "moving": _METRICS,
    "distance_from_start": NUMBER, "parameters": WHOLE, "gradients": WHOLE, "seconds": NUMBER,
    "sessions": {"type": "array", "items": OBJECT},
    "checksums": {"type": "object", "additionalProperties": {"type": "string", "pattern": "^[0-9a-f]{64}$"}}}
_LATER = ("stops", "target_reached", "sessions", "gradients", "solver_sharpness", "vertex_evaluations", "jit_compile",
          "layers")


def schemas():
    """Returns the JSON Schemas by the kind of record: config, result, and each kind of measurement."""
    found = {
        "config": _schema("config.json: every choice of a run, its data and where it began.", {
            "configuration": configuration.Run.json_schema(), "data": OBJECT}),
        "result": _schema("result.json: how a run ended.", _RESULT)}
    for kind, choices in configuration.KINDS.items():
        found[kind] = _schema(f"A measurement of the kind {kind}.", {
            "configuration": choices.json_schema(), **choices.CONTENT})
    return found


def _schema(description, properties):
    common = {"versions": {"type": "object", "additionalProperties": TEXT}, "machine": OBJECT,
              "weights_checksum": TEXT, "sha256": {"description": "The SHA-256 checksum of the other fields.", **TEXT}}
    return {"$schema": _DIALECT, "description": description, "type": "object",
            "properties": {**common, **properties}, "required": [name for name in properties if name not in _LATER]}


def write(folder):
    """Writes each schema to KIND.schema.json in a folder."""
    for kind, schema in schemas().items():
        files.write_text(pathlib.Path(folder) / f"{kind}.schema.json", json.dumps(schema, indent=1) + "\n")


if __name__ == "__main__":
    write(sys.argv[1])
