"""JSON Schemas of the records, made from the fields of the configurations.

    python -m replication.records.schemas docs/schemas

writes them, a file for each kind of record.
"""

import json
import pathlib
import sys

from replication import configuration, files

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NUMBER, _WHOLE, _TEXT, _OBJECT = {"type": "number"}, {"type": "integer"}, {"type": "string"}, {"type": "object"}
_NUMBERS = {"type": "array", "items": _NUMBER}
_WITH_GAPS = {"type": "array", "items": {"type": ["number", "null"]}}
_METRICS = {"type": "object", "required": ["train_loss", "train_accuracy", "test_loss", "test_accuracy"],
            "additionalProperties": _NUMBER}
_RESULT = {
    "epochs": _WHOLE, "stop": _TEXT, "stops": {"type": "object", "additionalProperties": _WHOLE},
    "target_reached": {"type": ["integer", "null"]}, "batch": _METRICS, "moving": _METRICS,
    "distance_from_start": _NUMBER, "parameters": _WHOLE, "gradients": _WHOLE, "seconds": _NUMBER,
    "sessions": {"type": "array", "items": _OBJECT},
    "checksums": {"type": "object", "additionalProperties": {"type": "string", "pattern": "^[0-9a-f]{64}$"}}}
_BY_NAME = {"type": "object", "additionalProperties": _NUMBER}
# What the record of a measurement that joins two runs holds of them.
_JOINED = {"network": _TEXT, "trial": _WHOLE, "dataset": _TEXT, "small_batch": _TEXT, "large_batch": _TEXT,
           "weights_checksums": {"type": "array", "items": _TEXT}}
# By kind of measurement, what its record holds beside the choices.
_MEASURED = {
    "sharpness": {
        "sharpness": {"description": "Metric 2.1, in percent.", **_NUMBER}, "solver_sharpness": _NUMBER,
        "loss": _NUMBER, "max_loss": _NUMBER, "evaluations": _WHOLE, "vertex_evaluations": _WHOLE, "status": _TEXT,
        "parameters": _WHOLE, "at_bound": {"type": "number", "minimum": 0, "maximum": 1},
        "start_max_losses": _NUMBERS, "scale": _NUMBERS, "check": _OBJECT, "seconds": _OBJECT,
        "jit_compile": {"type": "boolean"}, "layers": {"type": "object", "additionalProperties": _NUMBER}},
    "steepness": {
        "loss": _NUMBER, "random": _WITH_GAPS, "blocks": _WITH_GAPS,
        "ranked": {"type": "array", "items": _WITH_GAPS}, "seconds": _NUMBER},
    "paths": {
        **_JOINED, "alpha": _NUMBERS, "train_loss": _WITH_GAPS, "train_accuracy": _WITH_GAPS, "test_loss": _WITH_GAPS,
        "test_accuracy": _WITH_GAPS, "seconds": _NUMBER},
    "geometry": {"distance": _NUMBER, "norm": _NUMBER, "layers": _BY_NAME},
    "surface": {"steps": _NUMBERS, "loss": {"type": "array", "items": _WITH_GAPS},
                "accuracy": {"type": "array", "items": _WITH_GAPS}, "seconds": _NUMBER},
    "reparametrization": {**_JOINED, "points": {"type": "array", "items": _OBJECT}, "seconds": _NUMBER},
    "robustness": {
        "loss": _NUMBER, "rises": _BY_NAME, "layers": _BY_NAME, "clean": _NUMBER, "single_step": _NUMBERS,
        "steps": _NUMBERS, "seconds": _NUMBER},
    "spectrum": {
        "loss": _NUMBER, "gradient_norm": _NUMBER, "eigenvalues": _NUMBERS, "residuals": _NUMBERS, "trace": _NUMBER,
        "trace_error": {"type": ["number", "null"]}, "nodes": {"type": "array", "items": _NUMBERS},
        "weights": {"type": "array", "items": _NUMBERS}, "predicted": {"type": ["object", "null"]},
        "products": _WHOLE, "seconds": _NUMBER},
}
_LATER = ("stops", "target_reached", "sessions", "gradients", "solver_sharpness", "vertex_evaluations", "jit_compile",
          "layers")


def schemas():
    """Returns the JSON Schemas by the kind of record: config, result, and each kind of measurement."""
    found = {
        "config": _schema("config.json: every choice of a run, its data and where it began.", {
            "configuration": configuration.Run.json_schema(), "data": _OBJECT}),
        "result": _schema("result.json: how a run ended.", _RESULT)}
    for kind, choices in configuration.KINDS.items():
        found[kind] = _schema(f"A measurement of the kind {kind}.", {
            "configuration": choices.json_schema(), **_MEASURED.get(kind, {})})
    return found


def _schema(description, properties):
    common = {"versions": {"type": "object", "additionalProperties": _TEXT}, "machine": _OBJECT,
              "weights_checksum": _TEXT, "sha256": {"description": "Of the other fields.", **_TEXT}}
    return {"$schema": _DIALECT, "description": description, "type": "object",
            "properties": {**common, **properties}, "required": [name for name in properties if name not in _LATER]}


def write(folder):
    """Writes each schema to KIND.schema.json in a folder."""
    for kind, schema in schemas().items():
        files.write_text(pathlib.Path(folder) / f"{kind}.schema.json", json.dumps(schema, indent=1) + "\n")


if __name__ == "__main__":
    write(sys.argv[1])
