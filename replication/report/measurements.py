"""Every measurement of a workdir as one CSV file, for other programs."""

import csv
import io
import itertools

_RUN = ("network", "regime", "trial", "dataset", "batch_size")
_SHARPNESS = ("sharpness", "solver_sharpness", "loss", "max_loss", "evaluations", "vertex_evaluations", "at_bound",
              "status", "jit_compile", "from_epsilon")
_STEEPNESS = ("direction", "share", "rise")
# A line of a training has all of these but alpha.
_PATH = ("alpha", "train_loss", "train_accuracy", "test_loss", "test_accuracy")
_OTHERS = ("quantity", "value")


def to_csv(store):
    """Returns a line for each training, value of sharpness, direction of a steepness, point of a path, and quantity.

    Args:
        store: A `store.Store`.
    """
    lines = [*itertools.chain.from_iterable(map(_of_a_run, store.runs)),
             *itertools.chain.from_iterable(map(_of_a_path, store.paths)),
             *itertools.chain.from_iterable(_of_a_pair(kind, each) for kind, found in store.joined.items()
                                            if kind != "paths" for each in found)]
    choices = sorted({name for line in lines for name in line if name.startswith("choice_")})
    columns = ("kind", "run", "second_run", *_RUN, "epoch", *choices, *_SHARPNESS, *_STEEPNESS, *_PATH, *_OTHERS,
               "seconds", "package", "processor")
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def _of_a_run(finished):
    yield {**_of(finished), "kind": "training", "epoch": finished.result["epochs"],
           **{name: finished.metrics[name] for name in _PATH[1:]}, "seconds": finished.result["seconds"],
           **_origin(finished.config)}
    for epoch, measurements in finished.points:
        for kind, found in measurements.items():
            for each in found:
                common = {**_common(kind, finished, each), "epoch": epoch}
                if kind == "sharpness":
                    yield {**common, **{name: each.content.get(name) for name in _SHARPNESS}}
                elif kind == "steepness":
                    yield from ({**common, **values} for values in _directions(each.content))
                else:
                    yield from _quantities(common, each)


def _directions(content):
    for name in ("random", "blocks"):
        yield from ({"direction": name, "rise": rise} for rise in content[name])
    yield from ({"direction": "ranked", "share": share, "rise": rise} for share, rise in content["ranked"])


def _quantities(common, measured):
    for values in measured.choices.quantities(measured.content):
        yield {**common, **dict(zip(_OTHERS, values))}


def _of_a_pair(kind, joined):
    yield from _quantities(_common_to_a_pair(kind, joined), joined)


def _common_to_a_pair(kind, joined):
    return {**_common(kind, joined.small, joined), "second_run": joined.large.name, "regime": "", "batch_size": ""}


def _of_a_path(path):
    common = _common_to_a_pair("paths", path)
    for values in zip(*(path.content[name] for name in _PATH)):
        yield {**common, **dict(zip(_PATH, values))}


def _common(kind, finished, measured):
    content = measured.content
    seconds = content.get("seconds")
    return {
        **_of(finished), "kind": kind,
        **{f"choice_{name}": value for name, value in measured.choices.to_json().items()},
        "seconds": seconds.get("measurement", seconds.get("total")) if isinstance(seconds, dict) else seconds,
        **_origin(content),
    }


def _of(finished):
    return {"run": finished.name, **{name: getattr(finished.run, name) for name in _RUN}}


def _origin(content):
    """Returns the version of this package and the processor that a record names, None where it does not."""
    return {"package": content.get("versions", {}).get("replication"),
            "processor": content.get("machine", {}).get("processor")}
