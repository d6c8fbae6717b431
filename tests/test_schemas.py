"""The JSON Schemas in docs/schemas are the code's, and the records of results/ fulfil them."""

import json
import pathlib

import jsonschema
import pytest

from replication import configuration
from replication.records.schemas import schemas

ROOT = pathlib.Path(__file__).parent.parent
SCHEMAS = {path.name.partition(".")[0]: json.loads(path.read_text(encoding="utf-8"))
           for path in (ROOT / "docs" / "schemas").glob("*.schema.json")}
PLACES = {"config": "runs/*/config.json", "result": "runs/*/result.json"} | {
    kind: f"{kind}/*.json" if choices.RUNS == 2 else f"runs/*/**/{kind}/*.json"
    for kind, choices in configuration.KINDS.items()}


def test_they_are_up_to_date():
    """`python -m replication.records.schemas docs/schemas` writes them."""
    assert json.loads(json.dumps(schemas())) == SCHEMAS
    for schema in SCHEMAS.values():
        jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("kind", sorted(PLACES))
def test_published_records_fulfil_them(kind):
    validator = jsonschema.Draft202012Validator(SCHEMAS[kind])
    found = list((ROOT / "results").glob(PLACES[kind]))
    if not found:
        pytest.skip(f"results/ has no record of the kind {kind}")
    for path in found:
        validator.validate(json.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("choices", [
    configuration.Sharpness(), configuration.Sharpness(batch_size="all", starts=3, examples=7),
    configuration.Path(kind="curved"), configuration.Steepness(),
    configuration.Run(network="F1", regime="SB", trial=0, dataset="mnist", batch_size=256, stop="accuracy",
                      target_accuracy=99.66)])
def test_every_configuration_fulfils_its_own(choices):
    jsonschema.validate(choices.to_json(), type(choices).json_schema())


@pytest.mark.parametrize("field, value", [("epsilon", 0), ("statistics", "both"), ("starts", 0), ("batch_size", "some"),
                                          ("unknown", 1), ("dropout_active", "no")])
def test_what_a_configuration_refuses_its_schema_refuses(field, value):
    content = {**configuration.Sharpness().to_json(), field: value}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, configuration.Sharpness.json_schema())
