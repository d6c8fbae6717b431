"""Table 3: sharpness of the SB and LB minimizers in the full space, A = I.

    python -m replication.reproduce --preset=paper --networks=F1 --trials=1 --experiments=table3

It takes 4 minutes of training and 2 of measuring a trial on two cores. F1, five trials (results/tables/table3.md): SB
6.94 and 1.04, LB 461.88 and 96.67 at ε = 1e-3 and 5e-4, so that LB is 95 and 92 times as sharp.
"""

import collections
import functools

from replication.configuration import Measure, presets
from replication.experiments.base import EPSILON_LABELS, Column, Contrast, Row, Table
from replication.experiments.drawing import Series
from replication.store.grouping import EPSILONS, REGIMES, comparisons, distinguish
from replication.store.protocols import measured
from replication.store.runs import in_order, protocol_of


def measure(setup, runs, *, subspace_dim=0, epsilons=None, at=None):
    """Returns the measurement of the sharpness of each of some runs in one space, as tasks.

    Args:
        setup: A `Setup`.
        runs: Its `configuration.Run`s.
        subspace_dim: p, or 0 for the full space.
        epsilons: Half-widths of the box; by default the preset's.
        at: The schedule of the iterates that are measured; None for the minimizers.
    """
    preset = setup.preset
    return [Measure((run,), tuple(preset.sharpness(run, epsilon, subspace_dim=subspace_dim)
                                  for epsilon in epsilons or preset.epsilons), at) for run in runs]


def values(points, protocol, epsilon):
    """Returns the sharpness of each of several runs or iterates that was measured by a protocol.

    Args:
        points: `store.FinishedRun`s or `store.Iterate`s.
        protocol: The choices of the measurement without epsilon and seed, as `common_protocol` gives them.
        epsilon: Half-width of the box.
    """
    return tuple(item.content["sharpness"] for each in points for item in each.tabulated
                 if item.protocol == protocol and item.choices.epsilon == epsilon)


def by_trial(side, protocol, epsilon):
    """Returns the sharpness of runs by trial, see `values`; runs that were not measured are left out."""
    return {each.run.trial: value for each in side for value in values([each], protocol, epsilon)}


def common_protocol(points, *, subspace_dim=0):
    """Returns the protocol by which several runs or iterates are set side by side in a space; None without any.

    It is the preset's own if one of them was measured so, and otherwise that of most.
    """
    protocols = collections.Counter(
        protocol for each in points for protocol in in_order(set(each.protocols(subspace_dim))))
    usual = {protocol_of(presets.usual_sharpness(each.run, subspace_dim)) for each in points}
    return max(protocols, key=lambda protocol: (protocol in usual, protocols[protocol]), default=None)


def unusual(points, protocol):
    """Returns as text in what a protocol of runs or iterates differs from the preset's own; "" if in nothing."""
    if protocol is None:
        return ""
    usual = protocol_of(presets.usual_sharpness(points[0].run, dict(protocol)["subspace_dim"]))
    return distinguish([dict(usual), dict(protocol)])[1]


def needs(setup, subspace_dim):
    """Returns the measurements of the runs of a `Setup` in one space, if the preset has that space."""
    return measure(setup, setup.runs(), subspace_dim=subspace_dim) if subspace_dim in setup.preset.subspace_dims else []


def rows(store, subspace_dim):
    """Returns a `Row` for each comparison of plain SB and LB and each protocol of their measurements in one space."""
    return [
        Row(comparison.network, comparison.dataset, label, {
            f"{name}_{regime}": by_trial(side, protocol, epsilon)
            for regime, side in comparison.sides() for name, epsilon in EPSILONS.items()
        }, comparison.runs(), is_usual, comparison.choices)
        for comparison, protocol, label, is_usual in measured(comparisons(store.runs), subspace_dim)
    ]


def by_sharpness(members, positions, protocol, *, role, side="left"):
    """Returns a `Series` of the sharpness of several runs for each epsilon that was measured.

    Args:
        members: The `store.FinishedRun`s.
        positions: The x of each.
        protocol: The protocol of the measurements, as `common_protocol` gives it.
        role, side: See `Series`.
    """
    result, peculiarity = [], unusual(members, protocol)
    for (name, epsilon), marker in zip(EPSILONS.items(), "s^"):
        points = [(x, value) for x, member in zip(positions, members) for value in values([member], protocol, epsilon)]
        if points:
            x, y = zip(*points)
            label = ", ".join(filter(None, ("sharpness", EPSILON_LABELS[name], peculiarity)))
            result.append(Series(label, x, y, role, dashed=marker == "^", side=side, marker=marker))
    return tuple(result)


TABLE = Table(
    name="table3", number=3, title="Sharpness (Metric 2.1) in the full space",
    caption="Metric 2.1 in percent: 100 (max f(x + y) − f(x)) / (1 + f(x)) over the box |y_i| ≤ ε (|x_i| + 1), f the "
            "mean loss over the training set. The paper: LB’s minimizers are 9 to 220 times as sharp as SB’s.",
    columns=tuple(Column(f"{name}_{regime}", quantity, regime, "sharpness")
                  for name, quantity in EPSILON_LABELS.items() for regime in REGIMES),
    contrasts=tuple(Contrast(f"{name}_ratio", quantity, "ratio") for name, quantity in EPSILON_LABELS.items()),
    needs=functools.partial(needs, subspace_dim=0), rows=functools.partial(rows, subspace_dim=0))
