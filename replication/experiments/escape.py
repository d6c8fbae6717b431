"""The escape from minimizers: does SB leave LB's, and does LB stay at SB's?

    python -m replication.reproduce --preset=paper --networks=F1 --experiments=escape

SB starts at LB's minimizer, and LB at SB's minimizer and at early iterates of SB. It took 40 minutes on two cores in
addition to the trainings of table 2, partly while tests ran. F1, trial 0 (results/figures/escape-F1.pdf): SB leaves
LB's minimizer, and its sharpness of 403 % becomes 5.5 %; LB stays near SB's, and its 3.3 % become 0.1 %.
"""

import dataclasses

from replication.configuration import Geometry, Measure, Start, Train
from replication.experiments import answers
from replication.experiments.base import Figure, place
from replication.experiments.drawing import Panel, Series, plots
from replication.experiments.groups import sharpness_of
from replication.experiments.table3 import common_protocol, measure
from replication.store.grouping import buckets, key, sort_key

_EPSILON = 1e-3
# Iterates of SB at which LB starts, beside its minimizer.
_ITERATES = (2, 8)
_OTHER = {"SB": "LB", "LB": "SB"}


def needs(setup):
    """Returns the runs from each other's minimizers and from iterates of SB, measured along their way, of trial 0."""
    tasks, preset = [], setup.preset
    for small, large in setup.pairs(setup.study_networks, trials=1):
        started = [_from(small, large, None, preset), _from(large, small, None, preset),
                   *(_from(large, small, epoch, preset) for epoch in _ITERATES)]
        tasks += [Train(small, (2,)), Train(large), *measure(setup, started, epsilons=(_EPSILON,), at=0)]
        tasks += [Measure((run,), (Geometry(),), 0) for run in started]
    return tasks


def axes(store):
    """Returns a `Plot` for each network and data set whose runs from a minimizer were measured along their way."""
    return plots("escape", [
        ("", members, _panels({each.name: (_role(store, each), _origin(store, each)) for each in members}, members))
        for members in _families(store)])


@answers.joined
def answer(store):
    """Yields where SB from LB's minimizer and LB from SB's minimizer end."""
    for members in _families(store):
        parts = []
        for each in members:
            if each.run.start.epoch is None:
                points = _points(each)
                role = _role(store, each)
                second = "an epoch" if points[1][0] == 1 else f"{points[1][0]} epochs"
                last = (f" and {answers.significant(points[-1][2])} % after {points[-1][0]}"
                        if points[-1] is not points[1] else "")
                parts.append(f"{role} started at {_origin(store, each)}’s minimizer goes from a sharpness of "
                             f"{answers.significant(points[0][2])} % to {answers.significant(points[1][2])} % after "
                             f"{second}{last}")
        if parts:
            yield f"{place(members[0].run)}, one trial: {'; '.join(parts)}."


def _from(run, other, epoch, preset):
    return dataclasses.replace(run, regime="grid", epochs=preset.escape_epochs, start=Start(other.name, epoch))


def _source(store, finished_run):
    return next(each.run for each in store.runs if each.name == finished_run.run.start.run)


def _origin(store, finished_run):
    """Returns whether a run starts at a run of SB or of LB."""
    return _source(store, finished_run).regime


def _role(store, finished_run):
    """Returns whether a run trains as SB or as LB: as the run at which it starts, or as the other one."""
    source = _source(store, finished_run)
    return source.regime if source.batch_size == finished_run.run.batch_size else _OTHER[source.regime]


def _families(store):
    """Returns lists of the runs that start at one pair of minimizers or at iterates, and were measured along."""
    regimes = {each.name: each.run.regime for each in store.runs}
    found = [each for each in store.runs if each.run.start and regimes.get(each.run.start.run) in _OTHER
             and len(points := _points(each)) > 1 and points[0][0] == 0]
    result = []
    for _, members in buckets(found, lambda each: (
            sort_key(each.run), each.run.trial, key(each, "start", "batch_size", "recompute"))):
        if any(each.run.start.epoch is None for each in members):
            result.append(sorted(members, key=lambda each: (each.run.batch_size, str(each.run.start.epoch))))
    return result


def _points(finished_run):
    """Returns the epoch, f, the sharpness and the distance from the start of each measured iterate."""
    protocol = common_protocol(finished_run.iterates)
    found = []
    for iterate in finished_run.iterates:
        loss = [item.content["loss"] for item in iterate.tabulated if item.protocol == protocol]
        sharpness = sharpness_of(iterate, protocol, _EPSILON)
        distance = [item.content["distance"] for item in iterate.measurements["geometry"]]
        if loss and sharpness is not None and distance:
            found.append((iterate.epoch, loss[0], sharpness, distance[0]))
    return found


def _series(roles, members, column):
    """Returns a line for each run; epoch 0 stands at 1/2 on the logarithmic axis."""
    result = []
    for each in members:
        epoch, (role, origin) = each.run.start.epoch, roles[each.name]
        points = _points(each)
        result.append(Series(
            f"{role} from {origin}’s {'minimizer' if epoch is None else f'epoch {epoch}'}",
            tuple(max(point[0], 0.5) for point in points), tuple(point[column] for point in points), role,
            dashed=epoch is not None, marker={None: "o"}.get(epoch, "s" if epoch == _ITERATES[0] else "^")))
    return tuple(result)


def _panels(roles, members):
    """Returns the panels of sharpness, f and distance; `roles` are those of a run and of its start by name."""
    return (Panel(_X_LABEL, "sharpness (%)", _series(roles, members, 2), log_x=True, log_left=True),
            Panel(_X_LABEL, "cross-entropy (nats)", _series(roles, members, 1), log_x=True, log_left=True),
            Panel(_X_LABEL, "distance from the start", _series(roles, members, 3), log_x=True, log_left=False))


_X_LABEL = "epochs after the start (1/2: the start itself)"
FIGURE = Figure(
    name="escape", place="Why", title="SB from LB’s minimizer, LB from SB’s",
    caption=(
        "If LB’s minimizers were all that is near, SB would stay there too; if they were traps, SB could not leave "
        "them. Look how soon SB’s line falls, and whether LB’s line from SB’s minimizer stays low. ε = 1e-3."),
    needs=needs, axes=axes, answer=answer)
