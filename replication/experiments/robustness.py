"""The robustness of minimizers: Metric 2.1 beside three other sets, and attacks on the inputs.

    python -m replication.reproduce --preset=paper --networks=F1 --experiments=robustness
    python -m replication.reproduce --preset=paper --networks=F1 --experiments=robustness_ranks

It is the link to robust optimization and adversarial training that the reviewers asked for. Measuring one minimizer
took 6 minutes on one core while another was being measured. F1, trial 0, SB and LB with and without the remedies
(results/tables/robustness.md): Metric 2.1 ranks them somewhat as the box of the inputs does (Kendall's tau 0.51, p =
0.047, of 10 minimizers of one trial), and not as the balls.
"""

import scipy.stats

from replication.configuration import Measure, Robustness
from replication.configuration.measurements.robustness import SETS
from replication.experiments import answers, origins
from replication.experiments.base import Listing, ListingLine, measured_alike, place
from replication.experiments.remedies import with_remedies
from replication.store.grouping import buckets, key, sort_key

_SET_TITLES = {"box": "Metric 2.1’s box", "ball": "SAM’s ball", "adaptive ball": "ASAM’s ball",
               "inputs": "the inputs’ box"}
# The field of a record, and the index in it, by the title of an attack.
_ATTACKS = {f"{words} of {radius:g}": (field, index)
            for field, words in (("single_step", "one step"), ("steps", "steps"))
            for index, radius in enumerate(Robustness.RADII)}
_TITLES = (*_SET_TITLES.values(), *_ATTACKS, "test accuracy")
# The fewest minimizers that are ranked.
_FEWEST = 3


def needs(setup):
    """Returns the robustness of SB, LB, LB with each remedy, and the combinations of `origins`, of trial 0."""
    preset, runs = setup.preset, []
    for small, large in setup.pairs(setup.study_networks, trials=1):
        runs += [small, large, *with_remedies(preset, small, large)]
    if preset.robustness_of_origins:
        runs += [task.run for task in origins.needs(setup) if isinstance(task, Measure) and task.run.trial == 0]
    return [Measure((run,), (Robustness(statistics=run.statistics, examples=preset.study_examples, seed=run.trial),))
            for run in dict.fromkeys(runs)]


def listing(store):
    """Returns the headings, and a line for each run that was measured."""
    headings = ("network", "run", *(f"rise in {title} (%)" for title in _SET_TITLES.values()), "steepest layer",
                "its rise (%)", "test accuracy (%)", *(f"{title} (%)" for title in _ATTACKS))
    lines = []
    for members in _families(store):
        for each, content in members:
            layer, rise = max(content["layers"].items(), key=lambda item: item[1])
            lines.append(ListingLine((
                place(each.run), _name(each.run),
                *(content["rises"][name] for name in SETS), layer.rpartition("/")[2], rise, 100 * content["clean"],
                *(100 * content[field][index] for field, index in _ATTACKS.values())), (each.name,)))
    return headings, lines


def ranks(store):
    """Returns the headings, a line for each run with its ranks, 1 the most robust, and one with Kendall's tau."""
    headings = ("network", "run", *_TITLES)
    lines = []
    for members in _families(store):
        if len(members) < _FEWEST:
            continue
        names = tuple(each.name for each, _ in members)
        measures = [_measures(content) for _, content in members]
        columns = [[each[title] for each in measures] for title in _TITLES]
        ranked = zip(*(scipy.stats.rankdata(column) for column in columns))
        lines += [ListingLine((place(each.run), _name(each.run), *(f"{rank:g}" for rank in found)), (each.name,))
                  for (each, _), found in zip(members, ranked)]
        lines.append(ListingLine((place(members[0][0].run), "Kendall’s τ with Metric 2.1’s box", *(
            _tau(columns[0], column) if number and _varies(columns[0], column) else ""
            for number, column in enumerate(columns))), names))
    return headings, lines


def _measures(content):
    """Returns what is ranked by its title; less is more robust."""
    found = {title: content["rises"][name] for name, title in _SET_TITLES.items()}
    found |= {title: -content[field][index] for title, (field, index) in _ATTACKS.items()}
    return found | {"test accuracy": -content["clean"]}


def _varies(*columns):
    return all(len(set(column)) > 1 for column in columns)


@answers.joined
def answer(store):
    """Yields how Metric 2.1 ranks the runs beside the other sets and the accuracy under attack."""
    for members in _families(store):
        if len(members) < _FEWEST:
            continue
        measures = [_measures(content) for _, content in members]
        box, *others = ([each[title] for each in measures] for title in _TITLES)
        others = {title: values for title, values in zip(_TITLES[1:], others) if _varies(box, values)}
        attacks = [scipy.stats.kendalltau(box, others[title]) for title in _ATTACKS if title in others]
        parts = [f"{_tau(box, values)} with {'' if title == 'test accuracy' else 'the rise in '}{title}"
                 for title, values in others.items() if title not in _ATTACKS]
        if attacks:
            parts.append(f"{answers.span([each.statistic for each in attacks], answers.signed)} with the accuracies "
                         f"under {len(attacks)} attacks (p of at least {min(each.pvalue for each in attacks):.2g})")
        if not parts:
            continue
        run = members[0][0].run
        yield (f"{place(run)}, one trial, {len(members)} minimizers: Kendall’s τ of Metric 2.1, positive where the "
               f"sharper one is the less robust, is {'; '.join(parts)}.")


def _tau(first, second):
    """Returns Kendall's tau with its p-value, which is exact without ties, as text."""
    found = scipy.stats.kendalltau(first, second)
    return f"{answers.signed(found.statistic)} (p = {found.pvalue:.2g})"


def _families(store):
    """Returns lists of the runs of one network, data set and trial, measured alike, with their contents, SB first."""
    result = []
    for _, members in buckets(store.runs, lambda each: (sort_key(each.run), key(
            each, "regime", "batch_size", "remedy", "jit_compile", "recompute", "epochs"), each.run.trial)):
        members = sorted(members, key=lambda each: (each.run.regime != "SB", _name(each.run)))
        found = measured_alike(dict(enumerate(members)), "robustness")
        if found:
            result.append([(members[number], item.content) for number, item in found.items()])
    return result


def _name(run):
    epochs = "" if run.epochs is None else f"{run.epochs} epochs"
    return ", ".join(filter(None, (run.regime, run.remedy and run.remedy.label, epochs)))


LISTING = Listing(
    name="robustness", place="Robust optimization", title="Rises in four sets, and accuracies under attack",
    caption=(
        "Metric 2.1 is the inner problem of robust optimization over the weights, adversarial training that over the "
        "inputs. The rises are those of f, counted as in Metric 2.1: in its box (ε = 1e-3), in the ball of "
        "sharpness-aware minimization (radius 0.05), in its adaptive ball (0.5), and in the box of all inputs (0.02, "
        "the largest along these attacks), over a part of the training set; the steepest layer is the one whose own "
        "box gives the largest rise. Accuracies are those of the test set under one step of the gradient’s sign and "
        "under ten projected steps."),
    needs=needs, listing=listing, answer=answer)
RANKS = Listing(
    name="robustness_ranks", place="Robust optimization", title="Ranks by the four sets and by the attacks",
    caption=(
        "Each minimizer’s rank, 1 the most robust: by the rise of f in the four sets, by the accuracy under one step "
        "of the gradient’s sign and under ten projected steps, and by the test accuracy. The last line is Kendall’s τ "
        "of each other column with Metric 2.1’s box, with its p-value as if the minimizers were independent."),
    needs=needs, listing=ranks)
