"""Every measurement of a workdir as one CSV file, for other programs."""

import csv
import io
import itertools

_RUN = ("network", "regime", "trial", "dataset", "batch_size")
_SHARPNESS = ("sharpness", "solver_sharpness", "loss", "max_loss", "evaluations", "vertex_evaluations", "at_bound",
              "status", "jit_compile", "from_epsilon")
_STEEPNESS = ("direction", "share", "rise")
_PATH = ("alpha", "train_loss", "train_accuracy", "test_loss", "test_accuracy")


def to_csv(store):
    """Returns a line for each value of sharpness, each direction of a steepness, and each point of a path, as text.

    Args:
        store: A `store.Store`.
    """
    lines = [*itertools.chain.from_iterable(map(_of_a_run, store.runs)),
             *itertools.chain.from_iterable(map(_of_a_path, store.paths))]
    choices = sorted({name for line in lines for name in line if name.startswith("choice_")})
    columns = ("kind", "run", "second_run", *_RUN, "epoch", *choices, *_SHARPNESS, *_STEEPNESS, *_PATH, "seconds",
               "package", "processor")
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def _of_a_run(finished):
    points = [(finished.result["epochs"], finished.measurements)]
    points += [(iterate.epoch, iterate.measurements) for iterate in finished.iterates]
    for epoch, measurements in points:
        for kind, found in measurements.items():
            for each in found:
                common = {**_common(kind, finished, each), "epoch": epoch}
                if kind == "sharpness":
                    yield {**common, **{name: each.content.get(name) for name in _SHARPNESS}}
                elif kind == "steepness":
                    yield from ({**common, **values} for values in _directions(each.content))


def _directions(content):
    for name in ("random", "blocks"):
        yield from ({"direction": name, "rise": rise} for rise in content[name])
    yield from ({"direction": "ranked", "share": share, "rise": rise} for share, rise in content["ranked"])


def _of_a_path(path):
    common = {**_common("paths", path.small, path), "second_run": path.large.name, "regime": "",
              "batch_size": ""}
    for values in zip(*(path.content[name] for name in _PATH)):
        yield {**common, **dict(zip(_PATH, values))}


def _common(kind, finished, measured):
    content, run = measured.content, finished.run
    seconds = content.get("seconds")
    return {
        "kind": kind, "run": finished.name, **{name: getattr(run, name) for name in _RUN},
        **{f"choice_{name}": value for name, value in measured.choices.to_json().items()},
        "seconds": seconds.get("measurement", seconds.get("total")) if isinstance(seconds, dict) else seconds,
        "package": content.get("versions", {}).get("replication"),
        "processor": content.get("machine", {}).get("processor"),
    }
