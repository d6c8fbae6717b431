"""What must not change: the JSON, digests and names of configurations, and that the published records load.

The literals in pinned_configurations.json were written by the first published version. A record on disk is found by its
name, so a configuration that changes its JSON or its digest loses the records of its users.
"""

import json
import pathlib

import pytest

from replication import configuration, records, remedies
from replication.configuration import Distribution, Path, Run, Search, Sharpness, Start, Steepness
from replication.configuration.presets import PRESETS

ROOT = pathlib.Path(__file__).parent.parent
PINNED = json.loads((pathlib.Path(__file__).parent / "pinned_configurations.json").read_text(encoding="utf-8"))
KINDS = {"sharpness": Sharpness, "steepness": Steepness, "paths": Path}


# By network its data set and its large batch.
PAPER = {"F1": ("mnist", 6000), "F2": ("timit", 72_133), "C1": ("cifar10", 5000), "C2": ("cifar10", 5000),
         "C3": ("cifar100", 5000), "C4": ("cifar100", 5000)}


def paper(network="F1", regime="LB", **choices):
    dataset, large_batch = PAPER[network]
    own = {"dataset": dataset, "batch_size": large_batch if regime == "LB" else 256,
           "classes": 1973 if dataset == "timit" else None}
    return Run(**{"network": network, "regime": regime, "trial": 0, **own, **choices})


CONFIGURATIONS = {
    **{f"{network} {regime}": paper(network, regime) for network in ("F1", "F2", "C1", "C2", "C3", "C4")
       for regime in ("SB", "LB")},
    **{f"{network} text": paper(network, architecture="text") for network in ("C1", "C2", "C3", "C4")},
    **{f"quick {network} {regime}": PRESETS["quick"].run(network, regime, 0, jit_compile=False)
       for network in ("C1", "C2") for regime in ("SB", "LB")},
    "trial 4": paper(trial=4),
    "grid": Run("F1", "grid", 0, "mnist", 1024, epochs=100),
    "timit_shaped": paper("F2", dataset="timit_shaped", batch_size=3495, classes=None),
    "jit_compile": paper(jit_compile=True),
    "deterministic": paper(deterministic=True),
    "moving": paper(statistics="moving"),
    "epochs": paper(epochs=20),
    "stopping": paper(max_epochs=50, patience=3, min_improvement=0.1, evaluation_batch_size=1000),
    "sgd": paper(optimizer="sgd", learning_rate=0.01),
    "momentum": paper(optimizer="momentum", learning_rate=0.02),
    "adagrad": paper(optimizer="adagrad", learning_rate=1e-3),
    "mixed_bfloat16": paper(precision="mixed_bfloat16"),
    "dropout": paper("C1", dropout=0.25),
    "no dropout": paper("C1", dropout=0.0),
    "start": paper(start=Start("F1-SB-trial0-6189c893", 7)),
    "devices": paper(distribution=Distribution(2)),
    "devices apart": paper(distribution=Distribution(4, synchronized=False)),
    "augmentation": paper("C1", remedy=remedies.Augmentation()),
    "augmentation options": paper("C1", remedy=remedies.Augmentation(rotation=5.0, translation=0.1, flip=False)),
    "conservative": paper(remedy=remedies.Conservative()),
    "conservative options": paper(remedy=remedies.Conservative(iterations=5, penalty=0.01)),
    "adversarial": paper(remedy=remedies.Adversarial()),
    "adversarial options": paper(remedy=remedies.Adversarial(epsilon=0.25, clean_share=0.2)),
    "stability": paper(remedy=remedies.Stability()),
    "stability options": paper(remedy=remedies.Stability(deviation=0.1, weight=1.0)),
    "dynamic_sampling": paper(remedy=remedies.DynamicSampling()),
    "dynamic_sampling options": paper(remedy=remedies.DynamicSampling(
        test="variance", first_batch_size=64, growth=2.0, theta=0.9)),
    "sam": paper(remedy=remedies.SharpnessAware(examples=None)),
    "sam options": paper(remedy=remedies.SharpnessAware(rho=0.1, examples=None)),
    "asam": paper(remedy=remedies.SharpnessAware(adaptive=True, examples=None)),
    "sharpness": Sharpness(),
    "sharpness 5e-4": Sharpness(epsilon=5e-4, seed=3),
    "sharpness subspace": Sharpness(subspace_dim=100),
    "sharpness options": Sharpness(epsilon=0.01, subspace_dim=10, subspace_distribution="uniform", statistics="moving",
                                   batch_size=100, iterations=3, starts=2, seed=1, examples=1000),
    "steepness": Steepness(),
    "steepness options": Steepness(epsilon=5e-4, directions=25, blocks=20, statistics="moving", batch_size=50, seed=2),
    "path": Path(),
    "path curved": Path(kind="curved", points=11, start=0.0, stop=1.0, statistics="moving", batch_size=100),
    "search": Search("F1", "digits"),
    "search options": Search("C1", "digits", tuner="bayesian", max_trials=3, max_sharpness=20.0, epochs=2,
                             validation_share=0.2, sharpness_epsilon=5e-4, sharpness_iterations=5, seed=9,
                             statistics="moving", architecture="text", jit_compile=True, space="mine"),
    "search hyperband": Search("F1", "mnist", tuner="hyperband", objective="sharpness"),
}


def flat(content):
    """The items of a JSON object, those of nested ones under a path."""
    return {(name, *path): leaf for name, value in content.items()
            for path, leaf in (flat(value).items() if isinstance(value, dict) else [((), value)])}


def test_the_pins_are_of_these_configurations():
    assert set(PINNED) == set(CONFIGURATIONS)


@pytest.mark.parametrize("label", CONFIGURATIONS)
def test_json_digest_and_name_stay(label):
    each, pinned = CONFIGURATIONS[label], PINNED[label]
    assert each.digest() == pinned["digest"]
    if pinned["name"] is not None:
        assert pinned["name"] == (each.name if hasattr(each, "name") else each.record_name())
    # A field that was added later is not in the pinned object, and is read as its default.
    stored = json.loads(pinned["json"])
    assert flat(stored).items() <= flat(each.to_json()).items()
    assert type(each).from_json(stored) == each


def test_every_published_record_is_loaded_under_its_name():
    workdir = records.Workdir.open(ROOT / "results")
    runs, problems = workdir.runs()
    assert not problems and len(runs) == len(list((ROOT / "results" / "runs").iterdir())) >= 2
    for record in runs:
        assert record.configuration.name == record.name and record.result["epochs"] == len(record.history)
        # A record from before a choice lacks its field; those that it has are read as they are.
        stored = json.loads((record.folder / "config.json").read_text())["configuration"]
        assert stored.items() <= record.configuration.to_json().items()


@pytest.mark.parametrize("file", sorted(file for kind in KINDS for file in (ROOT / "results").glob(
    f"runs/*/{kind}/*.json")), ids=lambda file: file.stem)
def test_every_published_measurement_is_loaded_under_its_name(file):
    choices = KINDS[file.parent.name].from_json(json.loads(file.read_text())["configuration"])
    assert choices.record_name() == file.stem


def test_every_published_path_is_loaded_under_its_name():
    workdir = records.Workdir.open(ROOT / "results")
    by_name = {record.name: record for record in workdir.runs()[0]}
    paths = list((ROOT / "results" / "paths").glob("*.json"))
    assert paths
    for file in paths:
        content = json.loads(file.read_text())
        path = configuration.Path.from_json(content["configuration"])
        small, large = (by_name[content[side]] for side in ("small_batch", "large_batch"))
        assert workdir.measurement(path, small.configuration, large.configuration) == file
