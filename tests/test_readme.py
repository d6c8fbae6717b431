"""The README tells what the published records hold."""

import math
import pathlib
import re

import pytest

from replication import experiments, records
from replication.configuration import Sharpness, presets
from replication.experiments import choices, combinations
from replication.report import decisions, formatting, verify
from replication.store import Store
from replication.store.grouping import comparisons

ROOT = pathlib.Path(__file__).parent.parent


@pytest.fixture(scope="module")
def store():
    return Store(records.Workdir.open(ROOT / "results"))


@pytest.fixture(scope="module")
def entries():
    """The entries of all tables with their verdicts."""
    return verify(records.Workdir.open(ROOT / "results"))[0]


def _judged(entries):
    """The entries of plain runs on the paper's data, by network, table and name."""
    return {(entry.network, entry.table, entry.name): entry for entry in entries
            if entry.ours and entry.plain and entry.on_papers_data}


def _decided(entries, network):
    """The gates and endpoints of a network."""
    return [check for check in decisions.checks(entries) if check.entry.network == network]


@pytest.mark.parametrize("network, number", [("F1", 17), ("C1", 11)])
def test_readme_shows_each_row_of_tables_2_to_4(network, number, entries):
    """Ours beside the paper's, with interval and verdict, rounded as the tables round."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = [entry for (name, table, _), entry in _judged(entries).items() if name == network and table in (2, 3, 4)]
    assert len(shown) == number
    for entry in shown:
        assert (f"| {entry.table} | {entry.heading} | {formatting.ours(entry)} | {formatting.papers(entry)} | "
                f"{formatting.interval(entry)} | {formatting.verdict(entry)} |") in readme


def _readme():
    return " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())


def test_readme_begins_with_the_result(entries):
    found = {tuple(name): entry for (network, *name), entry in _judged(entries).items() if network == "F1"}
    ours, papers = ({key: getattr(entry, name).mean for key, entry in found.items() if getattr(entry, name)}
                    for name in ("ours", "paper"))
    first, second, third = (3, "eps1e-3_ratio"), (3, "eps5e-4_ratio"), (4, "eps1e-3_ratio")
    assert f"the gap on the test set ({ours[2, 'test_gap']:.2f} points; the paper: {papers[2, 'test_gap']:.2f}) and " \
        f"the ratio of sharpness in the full space (LB / SB {ours[first]:.0f} and {ours[second]:.0f} for ε = 1e-3 " \
        f"and 5e-4; the paper: {papers[first]:.0f} and {papers[second]:.0f}) replicate. The ratio in a random " \
        f"subspace of 100 dimensions does not ({ours[third]:.1f}; the paper: {papers[third]:.0f})" in _readme()
    assert decisions.exit_code(_decided(entries, "F1")) == 2 and "*not replicated*" in _readme()
    page = records.Workdir.open(ROOT / "results").page.read_text(encoding="utf-8")
    assert "F1 as a whole is not replicated, because of table 4, ε = 1e-3, LB / SB." in page


def test_readme_tells_why_lb_is_sharp(store):
    """Geometric means of the sharpness over the trials that SB, LB, and LB with scaled steps alone have."""
    cells = {cell.levels: cell.runs for cell in combinations.families(store)[0]}
    runs = [cells[levels] for levels in (("× B/b, warm-up", *combinations.OWN[1:]), combinations.OWN, None)]
    trials = set.intersection(*map(set, runs))
    scaled, large, small = (math.exp(sum(math.log(each[trial].sharpness(Sharpness(seed=trial))) for trial in trials)
                                     / len(trials)) for each in runs)
    assert len(trials) == 3
    assert f"LB ends at a sharpness of {scaled:.1f} % instead of {large:.0f} % (SB: {small:.1f} %; 40 epochs; " \
        "geometric means of three trials" in _readme()
    assert scaled < 3 * small and large > 50 * scaled


def test_readme_tells_what_the_named_solver_finds(store):
    usual = {"initial kernels": "glorot_uniform", "stop": "ceased", "A": "normal", "solver": "scipy"}
    whole, parts = ([each.values[3, f"{epsilon}_{regime}"] for epsilon in ("eps1e-3", "eps5e-4")
                     for regime in ("SB", "LB")]
                    for batch in ("all", "5000") for each in choices.combinations(store)["mnist"]
                    if {**usual, "batch of f": batch}.items() <= each.choices.items())
    early, = ([each.values[3, f"{epsilon}_{regime}"] for regime in ("SB", "LB") for epsilon in ("eps1e-3", "eps5e-4")]
              for each in choices.combinations(store)["mnist"]
              if {**usual, "stop": "accuracy", "batch of f": "5000"}.items() <= each.choices.items())
    assert "SB {:.1f} and {:.1f} %, LB {:.0f} and {:.0f} %".format(*early) in _readme()
    assert f"With its defaults LB / SB is {parts[1] / parts[0]:.0f} at ε = 1e-3 with f in batches of 5,000 and " \
        f"{whole[1] / whole[0]:.1f} in a single batch, and at ε = 5e-4 LB's value is {parts[3]:.3f} and " \
        f"{whole[3]:.3f} %, below SB's" in _readme()
    assert parts[3] < parts[2] and whole[3] < whole[2]


def test_readme_tells_how_steep_the_steepest_coordinates_are(store):
    shares, corners = {}, {}
    for regime in ("SB", "LB"):
        (content,) = (item.content for run in store.runs for item in run.measurements["steepness"]
                      if run.run.regime == regime and run.run.network == "F1")
        ranked = {round(share, 2): rise for share, rise in content["ranked"] if share > 0.04}
        shares[regime], corners[regime] = [100 * ranked[part] / ranked[1.0] for part in (0.2, 0.05)], ranked[1.0]
    assert f"it rises by {corners['LB']:.1f} % (LB) and {corners['SB']:.1f} % (SB), of which a fifth of the " \
        f"coordinates gives {shares['LB'][0]:.0f} and {shares['SB'][0]:.0f} %, and the steepest 5 % give " \
        f"{shares['LB'][1]:.0f} and {shares['SB'][1]:.0f} %" in _readme()


def test_readme_quotes_answers(store):
    readme = _readme()
    for name in ("matched", "spectrum", "reparametrization"):
        answer = experiments.get(name).answer(store)
        assert answer and answer in readme, name
    answer = experiments.get("origins").answer(store)
    compared, = re.findall(r"where SB’s sharpness is LB’s times (.*?) \((.*?)\): alone", answer)
    assert "| for comparison: SB | {} ({}) | |".format(*compared) in readme
    alone = re.findall(r"LB’s sharpness by (.*?) \((.*?)\), with a training loss of (\S+) instead of", answer)
    assert len(alone) == 4
    for factor, certainty, loss in alone:
        assert f"| {factor} ({certainty}) | {loss} |" in readme


def test_readme_tells_how_the_loss_rises_in_figure_3(store):
    found = {}
    for name in ("figure3", "figure3_normalized"):
        plot, = (each for each in experiments.get(name).axes(store) if each.title == "F1 on mnist, trial 0")
        training = next(series for series in plot.panels[0].series if series.label == "cross-entropy, training")
        found[name] = {round(8 * x): y for x, y in zip(training.x, training.y) if 8 * x == round(8 * x)}
    first, normalized = found["figure3"], found["figure3_normalized"]
    readme = _readme()
    assert f"rises from {first[8]:.5f} to {first[9]:.2f}; one eighth of the way towards SB it rises to " \
        f"{first[7]:.4f}, and as far beyond the SB minimizer from {first[0]:.4f} to {first[-1]:.4f}" in readme
    assert f"beyond LB gives {normalized[9]:.3f} and that beyond SB {normalized[-1]:.4f}" in readme
    plot, = (each for each in experiments.get("figure3").axes(store) if "C1" in each.title)
    training = next(series for series in plot.panels[0].series if series.label == "cross-entropy, training")
    line = dict(zip(training.x, training.y))
    assert f"rises from {line[1]:.3f} to {line[1.125]:.1f} one eighth of the way beyond LB, and from {line[0]:.3f} " \
        f"to {line[-0.125]:.3f} as far beyond SB" in readme


def test_readme_tells_the_decision_of_the_records(entries):
    found, readme = _decided(entries, "F1"), _readme()
    code = decisions.exit_code(decisions.checks(entries))
    assert f"`python -m replication.verify --workdir=results` exits with {code} by" in readme
    held = sum(check.kind == "gate" and check.outcome == "in favour" for check in found)
    against = sum(check.kind == "endpoint" and check.outcome == "against" for check in found)
    favour = sum(check.kind == "endpoint" and check.outcome == "in favour" for check in found)
    assert f"All {held} gates hold" in readme and held == 8
    assert f"Of the four endpoints {favour} are decided in favour of the paper, {against} against it" in readme


def test_the_claims_on_f1_hold(store, entries):
    """The large-batch minimizer is far sharper in the full space, at comparable accuracy, and not in the subspace."""
    found = {tuple(name): entry for (network, *name), entry in _judged(entries).items() if network == "F1"}
    assert all(found[2, name].verdict == "replicated" for name in ("test_SB", "test_LB", "train_SB", "train_LB"))
    ratios = {(entry.table, entry.heading[4:8]): entry for entry in found.values() if entry.kind == "ratio"}
    assert all(ratios[3, epsilon].verdict == "replicated" and ratios[3, epsilon].ours.mean > 20
               for epsilon in ("1e-3", "5e-4"))
    # "More than 20 times in every trial."
    row, = (row for row in experiments.tables()[3].rows(store) if row.dataset == "mnist" and not row.label)
    for epsilon in ("eps1e-3", "eps5e-4"):
        small, large = (row.values[f"{epsilon}_{regime}"] for regime in ("SB", "LB"))
        assert len(small) == 5 and all(large[trial] > 20 * value for trial, value in small.items())
    assert ratios[4, "1e-3"].verdict == "not replicated" and ratios[4, "5e-4"].ours.mean < 1


def test_readme_tells_what_the_ratio_depends_on(store):
    """On the stop, in the study of choices with the defaults otherwise, and on the vertex search."""
    readme = _readme()
    usual = {"initial kernels": "glorot_uniform", "A": "normal", "solver": "scaled", "batch of f": "5000"}
    found = {each.choices["stop"]: [each.values[3, f"eps1e-3_{regime}"] for regime in ("SB", "LB")]
             for each in choices.combinations(store)["mnist"] if usual.items() <= each.choices.items()}
    ratios = {stop: large / small for stop, (small, large) in found.items()}
    assert f"LB is {ratios['ceased']:.0f} times as sharp as SB with our stopping rule, {ratios['epochs']:.0f} times " \
        f"after 20 epochs, and {ratios['accuracy']:.1f} times if both stop at the paper's training accuracy, where " \
        f"SB's sharpness is {found['accuracy'][0]:.0f} % instead of {found['ceased'][0]:.1f} %" in readme
    comparison, = (each for each in comparisons(store.runs) if each.dataset == "mnist" and not each.label)

    def without(dimension, epsilon):
        logarithms = [math.log(large / small) for small, large in (
            [next(item.content["solver_sharpness"] for item in run.tabulated if item.choices == presets.PRESETS[
                "paper"].sharpness(run.run, epsilon, subspace_dim=dimension)) for run in pair]
            for pair in comparison.pairs())]
        assert len(logarithms) == 5
        return math.exp(sum(logarithms) / 5)

    assert f"Without it LB / SB is {without(0, 1e-3):.0f} and {without(0, 5e-4):.0f} in the full space and " \
        f"{without(100, 1e-3):.1f} in the subspace at ε = 1e-3" in readme


def test_readme_tells_what_f2_has_on_synthetic_data(entries):
    readme = _readme()
    found = {(entry.table, entry.name): entry.ours.mean for entry in entries
             if entry.ours and entry.plain and entry.dataset == "timit_shaped"}
    small, large, ratios, others = ([found[table, f"{epsilon}_{what}"] for epsilon in ("eps1e-3", "eps5e-4")]
                                    for table, what in ((3, "SB"), (3, "LB"), (3, "ratio"), (4, "ratio")))
    assert f"training accuracy of {found[2, 'train_SB']:.1f} %, LB at {found[2, 'train_LB']:.1f} %" in readme
    assert f"LB is {ratios[0]:.0f} and {ratios[1]:.0f} times as sharp in the full space ({large[0]:.0f} and " \
        f"{large[1]:.0f} % beside {small[0]:.1f} and {small[1]:.1f} %, ε = 1e-3 and 5e-4), and {others[0]:.0f} and " \
        f"{others[1]:.0f} times in the subspace" in readme


def test_readme_tells_of_c1(entries):
    found = {name: entry for (network, _, name), entry in _judged(entries).items() if network == "C1"}
    (gap, papers_gap), (larger, papers_larger), (smaller, papers_smaller) = (
        (found[name].ours.mean, found[name].paper.mean) for name in ("test_gap", "eps1e-3_ratio", "eps5e-4_ratio"))
    assert f"SB is {gap:.2f} points more accurate on the test set (the paper: {papers_gap:.2f}), and LB {larger:.0f} " \
        f"and {smaller:.0f} times as sharp at ε = 1e-3 and 5e-4 (the paper: {papers_larger:.0f} and " \
        f"{papers_smaller:.0f})" in _readme()
    checks = _decided(entries, "C1")
    assert {(check.kind, check.outcome) for check in checks} == {
        ("gate", decisions.IN_FAVOUR), ("endpoint", decisions.OPEN)}
    alone, = (entry for entry in entries if (entry.network, entry.table, entry.name) == ("C1", 4, "eps1e-3_LB")
              and entry.ours)
    assert not alone.plain and alone.label == "starts 1"
    ours, papers = alone.ours.mean, alone.paper.mean
    assert f"from one start: {ours:.0f} %, {ours / papers:.1f} times the paper's mean of {papers:.0f} %" in _readme()
    assert "All 8 gates hold for C1 too, and its endpoints are open." in _readme()
    shown = [found[name] for name in ("train_SB", "train_LB", "test_SB", "test_LB")]
    assert all(abs(entry.comparison) < 0.3 for entry in shown)
    assert all(1 / 1.5 < found[f"{epsilon}_{regime}"].comparison < 1.5 for epsilon in ("eps1e-3", "eps5e-4")
               for regime in ("SB", "LB"))


def test_readme_tells_how_far_the_open_choices_move_the_sharpness(store):
    plot, = choices.effects(store)
    panel, = plot.panels
    labels = dict(panel.x_ticks)
    factors = {labels[round(x)]: y for series in panel.series if series.marker and series.label == "LB"
               for x, y in zip(series.x, series.y)}
    stop, solver = (max(found) / min(found) for found in (
        [factor for label, factor in factors.items() if label.startswith(name)] for name in ("stop", "solver")))
    assert f"stop and solver move LB's sharpness by factors of {stop:.0f} and {solver:.0f}" in (
        ROOT / "README.md").read_text(encoding="utf-8")


def test_readme_tells_the_threshold_of_figure_4(store):
    plot, = (each for each in experiments.get("figure4").axes(store) if "F1 on mnist" in each.title)
    accuracy, sharpness = plot.panels[0].series
    assert accuracy.x == sharpness.x == (256, 512, 1024, 1536, 2048, 4096, 6000)
    readme = _readme()
    assert f"batches of up to 1,536 have a test accuracy of {min(accuracy.y[:4]):.1f} to {max(accuracy.y[:4]):.1f} % " \
        f"and a sharpness of at most {max(sharpness.y[:4]):.1f} %, and those from 2,048 on {min(accuracy.y[4:]):.1f} " \
        f"to {max(accuracy.y[4:]):.1f} % and {min(sharpness.y[4:]):.0f} to {max(sharpness.y[4:]):.0f} %" in readme
    assert f"LB is {10 * round(sharpness.y[-1] / sharpness.y[0] / 10):,} times as sharp: SB's sharpness goes on " \
        f"falling, to {sharpness.y[0]:.2f} %" in readme


def test_readme_tells_the_warm_starts_of_figure_5(store):
    plot, = (each for each in experiments.get("figure5").axes(store) if "F1 on mnist" in each.title)
    (warm, small, cold), (sharpness,) = (panel.series for panel in plot.panels)
    assert warm.x == (*range(10, 101, 10),) and sharpness.x == (0, *warm.x)
    assert max(sharpness.y[4:]) < 0.1 < min(sharpness.y[:4])
    readme = _readme()
    assert small.x[-1] == 100
    assert f"is at least as accurate as SB from every tenth epoch, the first that was tried ({min(warm.y):.2f} to " \
        f"{max(warm.y):.2f} %; SB itself has {small.y[-1]:.2f} % after 100 epochs, and LB from x₀ " \
        f"{cold.y[0]:.2f} %), and from the fortieth on has a sharpness below 0.1 %" in readme
    assert min(warm.y) >= small.y[-1]
