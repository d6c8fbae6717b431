"""The page report/index.html: self-contained, without scripts, the same bytes for the same records."""

import base64
import collections
import functools
import itertools
import math
import pathlib

import jinja2

from replication import catalog, paper
from replication.configuration import presets
from replication.experiments.base import BEYOND_THE_PAPER, EPSILON_LABELS
from replication.report import decisions, figures, formatting, tables, verdicts
from replication.store.grouping import EPSILONS, MAIN, REGIMES

_TEMPLATES = pathlib.Path(__file__).parent / "templates"


def render(store, judged, drawn, *, listed, draw=figures.render):
    """Returns the page as HTML.

    Args:
        store: The `store.Store`.
        judged: Pairs of an `experiments.Table` and its `verdicts.Entry`s.
        drawn: Pairs of an `experiments.Figure` and its `drawing.Plot`s.
        listed: Triples of an `experiments.Listing`, its headings and its `base.ListingLine`s.
        draw: Function like `figures.render`.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    environment.filters |= {
        "number": formatting.number, "percent": formatting.percent, "significant": formatting.significant,
        "duration": formatting.duration, "ours": formatting.ours, "papers": formatting.papers,
        "comparison": formatting.comparison, "interval": formatting.interval, "cell": formatting.cell,
        "probability": formatting.probability, "verdict": formatting.verdict,
        "setting": formatting.setting, "particulars": formatting.particulars,
        "peculiarities": lambda each: presets.peculiarities(each.run, each.resolved_dataset),
        "enumeration": formatting.enumeration, "largest": formatting.largest,
        "dataset": catalog.dataset_label, "thousands": "{:,}".format,
        "slug": lambda text: text.replace(" ", "-"),
    }
    return environment.get_template("index.html.j2").render(
        paper=paper, rule=verdicts, gates=decisions, store=store, runs={each.name: each.run for each in store.runs},
        doubts=paper.doubts(), **_head(store, judged), findings=_findings(judged), overview=_overview(judged),
        tables=[_table(*each) for each in judged],
        figures=[{**_heading(figure, store), "pictures": [_pictures(plot, draw) for plot in plots]}
                 for figure, plots in sorted(drawn, key=_order) if plots or _is_expected(figure)],
        listings=[{**_heading(listing, store), "headings": headings, "lines": lines}
                  for listing, headings, lines in sorted(listed, key=_order) if lines or _is_expected(listing)],
        further=sorted(experiment.name for experiment, *_, found in (*drawn, *listed)
                       if not found and experiment.place in BEYOND_THE_PAPER),
    )


def _order(drawn):
    """Returns 0 for a figure or listing of the paper, with what was drawn; those beyond it follow by their place."""
    place = drawn[0].place
    return 1 + BEYOND_THE_PAPER.index(place) if place in BEYOND_THE_PAPER else 0


def _is_expected(experiment):
    """Whether the page tells how to make a figure or listing without records in a section of its own."""
    return not experiment.command and experiment.place not in BEYOND_THE_PAPER


def _head(store, judged):
    """Returns the numbers in the page's head, by name."""
    entries = [entry for _, found in judged for entry in found]
    runs = [each.run for each in store.runs]
    networks = [network for network in catalog.NETWORKS if network in {run.network for run in runs}]
    known = {entry.network for entry in entries if entry.paper}
    found = {}
    for check in decisions.checks(entries):
        found.setdefault(check.entry.network, []).append(check)
    return {
        "counts": verdicts.count(entries),
        "checks": {network: _counted(checks) for network, checks in found.items()},
        "decided": [_decision(network, checks) for network, checks in found.items()],
        "absent_entries": sum(entry.network not in networks for entry in entries),
        "networks": networks,
        "beyond": [network for network in networks if network not in known],
        "absent": [network for network in dict.fromkeys(entry.network for entry in entries)
                   if network not in networks],
        "datasets": [_dataset(name, store, known) for name in sorted({run.dataset for run in runs})],
        "presets": collections.Counter(_set_up(each, networks) for each in store.runs),
        "notes": {name: preset.note for name, preset in presets.PRESETS.items()},
        "trials": len({run.trial for run in runs}),
        "measurements": sum(len(measurements["sharpness"]) for each in store.runs for _, measurements in each.points),
    }


def _set_up(finished_run, networks):
    """Returns the names of the presets that train a run, "plain" if none does, or "" for a variant of the plain runs.

    Of presets that train it alike, those count that have all `networks` of the page, if there is one.
    """
    if not MAIN.admits(finished_run):
        return ""
    names = presets.presets_of(finished_run.run)
    whole = [name for name in names if set(networks) <= set(presets.PRESETS[name].networks)]
    return " and ".join(whole or names[:1]) or "plain"


def _findings(judged):
    """Returns for each network, data set and label a sentence on LB beside SB, and one on the paper's; "" for none."""
    groups = {}
    for table, entries in judged:
        for entry in entries:
            if entry.ours and table.number in (2, 3, 4):
                groups.setdefault((entry.network, entry.dataset, entry.label), {})[table.number, entry.name] = entry
    found = []
    for (network, dataset, label), entries in groups.items():
        if not (gap := entries.get((2, "test_gap"))):
            continue
        where = f"{network} on {catalog.dataset_label(dataset)}" + (f" ({label})" if label else "")
        ratios = {EPSILON_LABELS[name]: entries[3, f"{name}_ratio"] for name in EPSILONS
                  if (3, f"{name}_ratio") in entries}
        contrasts, subspace = [gap, *ratios.values()], entries.get((4, "eps1e-3_ratio"))
        if ratios and subspace and subspace.ours.trials == contrasts[1].ours.trials:
            contrasts.append(subspace)
        in_words = functools.partial(_in_words, list(ratios))
        papers = in_words([each.paper for each in contrasts]) if all(each.paper for each in contrasts) else ""
        how = _trials_in_words([each.ours.trials for each in contrasts])
        data = catalog.NETWORKS[network].dataset if papers else dataset
        elsewhere = "" if data == dataset else f", on {catalog.dataset_label(data)},"
        found.append((
            f"{where}: LB is {in_words([each.ours for each in contrasts])}, {how}.{_warning(entries)}",
            f"In the paper{elsewhere} it is {papers}." if papers else ""))
    return found


def _trials_in_words(trials):
    """Returns in how many trials the gap, which comes first, and the ratios of sharpness were seen."""
    accuracy, *sharpness = trials
    if set(trials) == {1}:
        return "in one trial, which decides no contrast"
    if not sharpness or {*sharpness} == {accuracy}:
        return f"in {accuracy} trials"
    span = " to ".join(map(str, dict.fromkeys((min(sharpness), max(sharpness)))))
    return f"the accuracy in {accuracy} trial{'s' if accuracy > 1 else ''} and the sharpness in {span}"


def _decision(network, checks):
    """Returns a sentence on what the gates and endpoints of a network decide, which are its `decisions.Check`s."""
    against = [f"table {check.entry.table}, {check.entry.heading}" + (
        f" ({check.entry.label})" if check.entry.label else "")
        for check in checks if check.outcome == decisions.AGAINST]
    answer = {decisions.EXIT_REPLICATED: "is replicated", decisions.EXIT_NOT_REPLICATED: "is not replicated",
              decisions.EXIT_UNDECIDED: "is undecided"}[decisions.exit_code(checks)]
    reason = f", because of {formatting.enumeration(against)}" if against else ""
    return f"By the rule, {network} as a whole {answer}{reason}."


def _warning(entries):
    """Returns a sentence for SB and LB whose training accuracies are far apart, "" for others."""
    accuracies = [entries[2, f"train_{regime}"].ours.mean for regime in REGIMES
                  if (2, f"train_{regime}") in entries]
    if len(accuracies) < 2 or abs(accuracies[0] - accuracies[1]) <= decisions.MARGINS["accuracy"]:
        return ""
    small, large = (f"{accuracy:.2f} %" for accuracy in accuracies)
    return f" But SB fits {small} of the training set and LB {large}, so that the two are not comparable."


def _counted(checks):
    """Returns for "gate" and "endpoint" the number of checks of each outcome."""
    found = {"gate": collections.Counter(), "endpoint": collections.Counter()}
    for check in checks:
        found[check.kind][check.outcome] += 1
    return found


def _in_words(epsilons, contrasts):
    """Returns the means of the gap, of the ratio in the full space at each epsilon, and of that in the subspace.

    Args:
        epsilons: The labels of the ratios in the full space.
        contrasts: `Summary`s of the gap, of these ratios, and of that in the subspace if it is known.
    """
    gap, *ratios = (each.mean for each in contrasts)
    accuracy = f"{formatting.number(abs(gap))} points {'less' if gap > 0 else 'more'}" if gap else "as"
    accuracy = f"{accuracy} accurate on the test set"
    if not ratios:
        return accuracy
    times = [f"{ratio:,.0f}" if 10 <= ratio < math.inf else formatting.number(ratio) for ratio in ratios]
    whole, rest = times[:len(epsilons)], times[len(epsilons):]
    subspace = f", {rest[0]} times in a random subspace (ε\u00a0=\u00a01e-3)" if rest else ""
    means = ", geometric means" if contrasts[1].trials > 1 else ""
    boxes = " and ".join(label.removeprefix("ε = ") for label in epsilons)
    return (f"{' and '.join(whole)} times as sharp as SB (ε\u00a0=\u00a0{boxes}{means})"
            f"{subspace}{',' if subspace else ''} and {accuracy}")


def _dataset(name, store, known):
    """Returns the sizes of a data set, and its networks whose data set it is in the paper ("papers") and the others."""
    runs = [each for each in store.runs if each.run.dataset == name]
    networks = sorted({each.run.network for each in runs} & known)
    return {"name": name, "sizes": sorted({each.training_size for each in runs}),
            "papers": [network for network in networks if catalog.NETWORKS[network].dataset == name],
            "others": [network for network in networks if catalog.NETWORKS[network].dataset != name]}


def _overview(judged):
    """Returns the contrasts of all tables as columns, and a row for each network, data set and label that has runs."""
    columns = [(table.number, contrast) for table, _ in judged for contrast in table.contrasts]
    order = list(catalog.NETWORKS)
    entries = sorted((entry for _, found in judged for entry in found if entry.dataset),
                     key=lambda entry: (order.index(entry.network), entry.dataset, entry.label))
    rows = []
    for (network, dataset, label), group in itertools.groupby(
            entries, lambda entry: (entry.network, entry.dataset, entry.label)):
        by_name = {(entry.table, entry.name): entry for entry in group}
        rows.append({
            "network": network, "dataset": dataset, "label": label,
            "papers_data": any(entry.on_papers_data for entry in by_name.values()),
            "contrasts": [by_name.get((number, contrast.name)) for number, contrast in columns],
            "gates": _counted(decisions.checks(by_name.values()))["gate"]})
    return {"rows": rows, "columns": [
        {"id": f"table{number}", "name": f"Table {number}", "heading": contrast.heading}
        for number, contrast in columns]}


def _heading(experiment, store):
    """Returns the heading of a figure or listing; a figure of the paper has a number: "Figure 3" for figure3."""
    name, place = experiment.name, experiment.place
    short = name.replace("_", " ").replace("figure", "figure ").capitalize()
    return {"id": name, "short": short, "place": place or short, "title": experiment.title,
            "caption": experiment.caption, "answer": experiment.answer(store) if experiment.answer else "",
            "command": experiment.command or f"--experiments={name}"}


def _table(table, entries):
    rows = tables.by_row(entries)
    found = [row for row in rows if row[0].dataset]
    return {
        "id": f"table{table.number}", "number": table.number, "title": table.title, "caption": table.caption,
        "note": tables.NOTE_ON_RATIOS if any(entry.kind == "ratio" for entry in rows[0]) else "",
        "headings": [entry.heading for entry in rows[0]],
        "rows": found, "absent": [row for row in rows if not row[0].dataset],
        "by_direction": sorted({f"{row[0].network} on {catalog.dataset_label(row[0].dataset)}" for row in found
                                if row[0].on_other_data}),
        "intervals": [entry for row in found for entry in row if entry.interval or entry.prediction],
    }


def _pictures(plot, draw):
    light, dark = (
        "data:image/svg+xml;base64," + base64.b64encode(rendered["svg"]).decode()
        for rendered in (draw(plot), draw(plot, formats=("svg",), style=figures.DARK))
    )
    return {"plot": plot, "light": light, "dark": dark, "size": figures.size(plot)}
