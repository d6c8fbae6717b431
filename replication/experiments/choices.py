"""The choices that the paper leaves open, on F1: initial kernels, stop, A, solver and batch of f, all combined.

    python -m replication.reproduce --preset=paper --networks=F1 --experiments=choices
    python -m replication.reproduce --preset=paper --networks=F1 --experiments=choice_effects

Together they take about 100 minutes on two cores. F1, trial 0 (results/tables/choices.md): kernels on [-0.05, 0.05]
with the default stop, A and solver come nearest (rms 0.66), the defaults third (0.99); SciPy's solver on over-trained
minimizers is the farthest (6.1).
"""

import dataclasses
import itertools
import math
import statistics

from replication import paper
from replication.catalog import NETWORKS, dataset_label
from replication.configuration import Measure, Sharpness
from replication.configuration.measurements.sharpness import SOLVERS, SUBSPACE_DISTRIBUTIONS
from replication.configuration.presets import SCRIPT_EPOCHS
from replication.configuration.run import KERNEL_INITIALIZERS
from replication.configuration.tasks import STOPS
from replication.experiments.base import Figure, Listing, ListingLine
from replication.experiments.drawing import Panel, Plot, Series
from replication.store.grouping import EPSILONS, REGIMES, buckets, comparisons, key

_NETWORK = "F1"
_SUBSPACE_DIM = 100
_COLUMNS = tuple(f"{epsilon}_{regime}" for epsilon in EPSILONS for regime in REGIMES)
# The entries of tables 3 and 4; the last cannot be as printed.
_ENTRIES = tuple((table, column) for table in (3, 4) for column in _COLUMNS)
_ACCURACIES = ("train_SB", "train_LB", "test_SB", "test_LB")


@dataclasses.dataclass(frozen=True)
class Combination:
    """What one combination of choices gives.

    Attributes:
        choices: The choices by name, as texts, in the order of the columns.
        epochs: The epochs at which SB and LB were measured, as text.
        values: The sharpness by table and column.
        accuracies: The accuracy in percent by column of table 2, where the run's history has it.
        runs: The names of the runs.
    """

    choices: dict
    epochs: str
    values: dict
    accuracies: dict
    runs: tuple

    @property
    def distance(self):
        """The root mean square of ln(ours / paper) over the seven entries that can be as printed.

        It is None if one of them is missing, and infinite if a sharpness is 0.
        """
        printed = [(entry, paper.table(entry[0])[_NETWORK][entry[1]]) for entry in _ENTRIES]
        wanted = [(self.values.get(entry), each.mean) for entry, each in printed if not each.doubt]
        if any(ours is None for ours, _ in wanted):
            return None
        if any(ours <= 0 for ours, _ in wanted):
            return math.inf
        return math.sqrt(statistics.fmean(math.log(ours / theirs) ** 2 for ours, theirs in wanted))

    def level(self, regime, tables):
        """The mean of ln(sharpness) over the measured entries of a regime; None if there is none, or one is 0."""
        values = [value for (table, column), value in self.values.items()
                  if table in tables and column.endswith(regime)]
        return statistics.fmean(map(math.log, values)) if values and min(values) > 0 else None


def needs(setup):
    """Returns the measurements of every combination.

    For each distribution of initial kernels and each regime, one training serves all stops. Every measurement takes f
    over a part of the examples, so that it enters no other table.
    """
    preset = setup.preset
    if _NETWORK not in setup.networks:
        return []
    if not preset.choices_trained:
        return [Measure((run,), tuple(_measurements(preset, run, subspaces=())))
                for run in setup.runs([_NETWORK], trials=1)]
    return [Measure((run,), tuple(_measurements(preset, run, subspaces=(_SUBSPACE_DIM,))), STOPS)
            for kernels in KERNEL_INITIALIZERS for run in _runs(setup, kernels)]


def combinations(store):
    """Returns the `Combination`s of a store by data set, those of the nearest first."""
    found = {}
    for small, large in _pairs(store):
        for stop in _stops(small):
            epochs = [_stops(each).get(stop) for each in (small, large)]
            points = [_point(each, epoch) for each, epoch in zip((small, large), epochs)]
            if all(points):
                found.setdefault(small.run.dataset, []).extend(_combined(small, large, stop, epochs, points))
    return {dataset: sorted(each, key=lambda one: (one.distance is None, one.distance or 0.0))
            for dataset, each in found.items() if each}


def listing(store):
    """Returns the headings, and a line for each combination, after the paper's values."""
    headings = ("data", "initial kernels", "stop", "A", "solver", "batch of f", "epochs SB, LB",
                "rms of ln(ours / paper)",
                *(f"table {table}, {column.replace('_', ' ')}" for table, column in _ENTRIES),
                *(f"{column.replace('_', ' ')} − paper" for column in _ACCURACIES))
    lines = []
    for dataset, found in sorted(combinations(store).items()):
        judged = NETWORKS[_NETWORK].dataset == dataset
        printed = [paper.table(table)[_NETWORK][column] for table, column in _ENTRIES]
        lines.append(ListingLine((
            dataset_label(NETWORKS[_NETWORK].dataset), "the paper", "", "", "", "", "", None,
            *(f"{each.mean:.2f} [{each.reading.mean:.2f}?]" if each.reading else each.mean for each in printed),
            *[""] * len(_ACCURACIES)), ()))
        for each in found:
            means = [paper.table(2)[_NETWORK][column].mean for column in _ACCURACIES]
            lines.append(ListingLine((
                dataset_label(dataset), *each.choices.values(), each.epochs, each.distance if judged else None,
                *(each.values.get(entry) for entry in _ENTRIES),
                *(each.accuracies[column] - mean if judged and column in each.accuracies else None
                  for column, mean in zip(_ACCURACIES, means))),
                each.runs))
    return headings, lines


def effects(store):
    """Returns a plot for each data set of the factor by which each choice moves the sharpness of SB and of LB.

    The factor of an alternative is that of the geometric mean over the entries of tables 3 and 4, relative to the mean
    over the alternatives with everything else the same; the line is one standard deviation over everything else.
    """
    result = []
    for dataset, found in sorted(combinations(store).items()):
        ticks, marks, series = [], {regime: [] for regime in REGIMES}, []
        for name in found[0].choices:
            levels = list(dict.fromkeys(each.choices[name] for each in found))
            for level in levels if len(levels) > 1 else ():
                ticks.append(f"{name}: {level}")
                for regime, shift in zip(REGIMES, (-0.12, 0.12)):
                    if deviations := _deviations(found, name, level, regime):
                        x = len(ticks) + shift
                        mean, spread = statistics.fmean(deviations), statistics.pstdev(deviations)
                        marks[regime].append((x, math.exp(mean)))
                        series.append(Series(f"{regime}, one standard deviation", (x, x),
                                             (math.exp(mean - spread), math.exp(mean + spread)), regime))
        series += [Series(regime, *zip(*points), regime, marker={"SB": "o", "LB": "s"}[regime], joined=False)
                   for regime, points in marks.items() if points]
        if series:
            panel = Panel("", "factor on the sharpness", tuple(series), log_left=True,
                          x_ticks=tuple(enumerate(ticks, 1)))
            runs = tuple(dict.fromkeys(name for each in found for name in each.runs))
            zeros = sum(min(each.values.values(), default=1) <= 0 for each in found)
            left_out = f" (without {zeros} of {len(found)} combinations)" if zeros else ""
            result.append(Plot("", f"{_NETWORK} on {dataset_label(dataset)}: what each choice does{left_out}", (panel,),
                               runs))
    return [dataclasses.replace(each, name=f"choice_effects-{_NETWORK}{f'-{number}' if len(result) > 1 else ''}")
            for number, each in enumerate(result, 1)]


def _deviations(found, name, level, regime):
    """Returns the deviation of a level of a choice from the mean over its levels, for each setting of the others."""
    # In the full space there is no A.
    result, tables = [], (4,) if name == "A" else (3, 4)
    for _, alike in buckets(found, lambda each: str({**each.choices, name: ""})):
        by_level = {each.choices[name]: each.level(regime, tables) for each in alike}
        if level in by_level and len(by_level) > 1 and None not in by_level.values():
            result.append(by_level[level] - statistics.fmean(by_level.values()))
    return result


def _runs(setup, kernels):
    """Returns the SB and the LB run with some initial kernels, which go on to the latest of their stops."""
    for regime in REGIMES:
        run = setup.run(_NETWORK, regime, 0)
        target = paper.table(2)[_NETWORK][f"train_{regime}"].mean
        yield dataclasses.replace(run, regime="grid", kernel_initializer=kernels, min_epochs=SCRIPT_EPOCHS,
                                  target_accuracy=target)


def _measurements(preset, run, *, subspaces):
    spaces = [(0, SUBSPACE_DISTRIBUTIONS[0]), *itertools.product(subspaces, SUBSPACE_DISTRIBUTIONS)]
    for (dimension, distribution), solver, batch_size, epsilon in itertools.product(
            spaces, SOLVERS, preset.choices_batch_sizes, preset.study_epsilons):
        yield Sharpness(epsilon=epsilon, subspace_dim=dimension, subspace_distribution=distribution,
                        statistics=run.statistics, batch_size=batch_size, iterations=preset.iterations, starts=1,
                        seed=run.trial, examples=preset.study_examples, solver=solver)


def _pairs(store):
    """Returns pairs of an SB and an LB run: those of the study, which differ in the size of their batches, or plain."""
    studied = [each for each in store.runs if each.run.network == _NETWORK and each.run.regime == "grid"
               and each.run.min_epochs == SCRIPT_EPOCHS]
    groups = buckets(studied, lambda each: (key(each, "batch_size", "target_accuracy"), each.run.trial))
    pairs = [sorted(alike, key=lambda each: each.run.batch_size) for _, alike in groups if len(alike) == 2]
    known = {small.run.dataset for small, _ in pairs}
    plain = [each for each in comparisons(store.runs) if each.network == _NETWORK and each.dataset not in known]
    return pairs + [pair for comparison in plain for pair in comparison.pairs()]


def _stops(finished_run):
    """Returns the epoch of each stop of a run by name; that of its minimizer alone if it has but one."""
    return finished_run.result.get("stops", {"ceased": finished_run.result["epochs"]})


def _point(finished_run, epoch):
    """Returns what the study measured after an epoch: an iterate, or the run itself at its end; None if nothing was."""
    points = [each for each in finished_run.iterates if each.epoch == epoch]
    points += [finished_run] if epoch == finished_run.result["epochs"] else []
    return next(filter(_by_choices, points), None)


def _combined(small, large, stop, epochs, points):
    """Yields the `Combination`s of one stop of an SB and an LB run."""
    measured = [_by_choices(point) for point in points]
    accuracies = {f"{split}_{regime}": 100 * accuracy
                  for regime, run, epoch in zip(REGIMES, (small, large), epochs)
                  for split, accuracy in zip(("train", "test"), _accuracies(run, epoch)) if accuracy is not None}
    sampled = sorted({(distribution, solver, batch) for _, distribution, solver, batch, _ in measured[0]})
    for distribution, solver, batch in sampled:
        values = {}
        for table, dimension in ((3, 0), (4, _SUBSPACE_DIM)):
            for (name, epsilon), (regime, found) in itertools.product(EPSILONS.items(), zip(REGIMES, measured)):
                # In the full space there is no A.
                drawn = distribution if dimension else SUBSPACE_DISTRIBUTIONS[0]
                values[table, f"{name}_{regime}"] = found.get((dimension, drawn, solver, batch, epsilon))
        yield Combination(
            {"initial kernels": small.run.kernel_initializer, "stop": stop, "A": distribution, "solver": solver,
             "batch of f": batch}, ", ".join(map(str, epochs)),
            {entry: value for entry, value in values.items() if value is not None}, accuracies,
            (small.name, large.name))


def _by_choices(point):
    """Returns the sharpness of a point by dimension, distribution, solver, batch and epsilon.

    Other studies measure over parts of the examples as well. Those of this one are measured with each solver.
    """
    usual = [each for each in point.measurements["sharpness"] if _is_usual(each.choices, point.run.trial)]
    sizes = [size for size, alike in buckets(usual, lambda each: (each.choices.examples, str(each.choices.batch_size)))
             if {each.choices.solver for each in alike} == {*SOLVERS}]
    largest = max((examples for examples, _ in sizes), default=None)
    return {(each.choices.subspace_dim, each.choices.subspace_distribution, each.choices.solver,
             str(each.choices.batch_size), each.choices.epsilon): each.content["sharpness"]
            for each in usual if (largest, str(each.choices.batch_size)) in sizes and each.choices.examples == largest}


def _is_usual(choices, trial):
    """Whether f is taken over a part of the examples, and what the study does not vary is as usual."""
    usual = Sharpness(statistics=choices.statistics, starts=1, seed=trial)
    varied = ("epsilon", "subspace_dim", "subspace_distribution", "solver", "batch_size", "examples")
    return choices.examples is not None and usual == dataclasses.replace(
        choices, **{name: getattr(usual, name) for name in varied})


def _accuracies(finished_run, epoch):
    """Returns the training and the test accuracy after an epoch, as shares; None for one that is not recorded."""
    if epoch == finished_run.result["epochs"]:
        return tuple(finished_run.metrics[f"{split}_accuracy"] for split in ("train", "test"))
    row = finished_run.history[epoch - 1] if finished_run.history else {}
    return row.get("train_accuracy"), row.get("val_accuracy")


LISTING = Listing(
    name="choices", place="What the paper leaves open", title="Choices that the paper leaves open, on F1",
    caption=(
        "Every combination of initial kernels, stop, distribution of A, solver and batch of f, sorted by how far "
        "tables 3 and 4 are from the paper’s: the root mean square of ln(ours / paper) over the seven entries that "
        "can be as printed. None is chosen because it comes near: the defaults were fixed before these runs. The "
        "default stop was chosen on prototypes, because shorter stops ended SB at sharper points. f is taken over a "
        "part of the training set, from one start. Of the stops, “ceased” is our rule for the paper’s words, "
        "“accuracy” the paper’s training accuracy, and “epochs” the 20 epochs of the authors’ script."),
    networks=(_NETWORK,), needs=needs, listing=listing)
FIGURE = Figure(
    name="choice_effects", place="What the paper leaves open", title="How much each open choice moves the sharpness",
    caption=(
        "The factor of each alternative on the sharpness, as the geometric mean over the entries of tables 3 and 4 "
        "(for A, of table 4), relative to the mean over the alternatives of the same choice with all others the same. "
        "The line is one standard deviation over the settings of all others, the solver among them: one that "
        "hardly moves takes part in the averages of the other choices. A combination with a sharpness of 0 has no "
        "logarithm: it is left out, with those beside which it would stand, and the title counts such combinations."),
    networks=(_NETWORK,), needs=needs, axes=effects)
