"""The page report/index.html: self-contained, without scripts, the same bytes for the same records."""

import base64
import collections
import dataclasses
import pathlib

import jinja2

from replication import configuration
from replication.report import figures, formatting, paper, tables, verdicts

_TEMPLATES = pathlib.Path(__file__).parent / "templates"


def render(store, judged, drawn):
    """The page as HTML.

    Args:
        store: The `Store`.
        judged: Pairs of a table's module and its `verdicts.Entry`s.
        drawn: Pairs of a figure's module and its `experiments.Plot`s.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    environment.filters |= {
        "number": formatting.number, "percent": formatting.percent, "significant": formatting.significant,
        "duration": formatting.duration, "ours": formatting.ours, "papers": formatting.papers,
        "difference": formatting.difference, "probability": formatting.probability,
        "setting": _setting, "dataset": configuration.dataset_label,
        "thousands": "{:,}".format, "slug": lambda text: text.replace(" ", "-"),
    }
    return environment.get_template("index.html.j2").render(
        paper=paper, margins=verdicts, store=store, **_summary(store, judged),
        tables=[_table(module, entries) for module, entries in judged],
        figures=[(_name(module), module, [_pictures(plot) for plot in plots]) for module, plots in drawn],
        distances=[comparison for comparison in store.comparisons() if comparison.distances()],
    )


def _name(module):
    """A module's name as the paper writes it: "Figure 3" for figure3."""
    return module.__name__.rpartition(".")[2].capitalize().replace("Figure", "Figure ")


def _summary(store, judged):
    entries = [entry for _, found in judged for entry in found]
    runs = [minimizer.run for minimizer in store.minimizers]
    counts = verdicts.count(entries)
    return {
        "counts": counts,
        "decided": sum(counts[verdict] for verdict in verdicts.VERDICTS[:3]),
        "absent_entries": sum(not entry.dataset for entry in entries),
        "networks": sorted({run.network for run in runs}),
        "absent": [network for network in dict.fromkeys(entry.network for entry in entries)
                   if network not in {run.network for run in runs}],
        "datasets": [
            {"name": name, "sizes": sorted({minimizer.training_size for minimizer in store.minimizers
                                            if minimizer.run.dataset == name}),
             "papers": sorted({run.network for run in runs if run.dataset == name
                               and configuration.NETWORKS[run.network].dataset == name}),
             "others": sorted({run.network for run in runs if run.dataset == name
                               and configuration.NETWORKS[run.network].dataset != name})}
            for name in sorted({run.dataset for run in runs})
        ],
        "presets": collections.Counter(map(_preset, store.minimizers)),
        "trials": len({run.trial for run in runs}),
        "measurements": sum(len(minimizer.all_measurements) for minimizer in store.minimizers),
    }


def _preset(minimizer):
    """The preset that a run belongs to, or "" if it differs from all of them."""
    run = minimizer.run
    known = configuration.DATASETS[run.dataset]
    description = dataclasses.replace(known, training_size=known.training_size or minimizer.training_size,
                                      classes=known.classes or run.classes)
    for name, preset in configuration.PRESETS.items():
        if run.dataset == preset.dataset(run.network) and run == preset.run(
                run.network, run.regime, run.trial, jit_compile=run.jit_compile, architecture=run.architecture,
                describe=lambda _: description):
            return name
    return ""


def _table(module, entries):
    rows = tables.by_row(entries)
    found = [row for row in rows if row[0].dataset]
    return {
        "number": module.NUMBER, "title": module.TITLE, "headings": [entry.heading for entry in rows[0]],
        "rows": found, "absent": [row for row in rows if not row[0].dataset],
        "by_direction": sorted({f"{row[0].network} on {configuration.dataset_label(row[0].dataset)}" for row in found
                                if verdicts.judged_by_direction(row[0])}),
        "tests": [entry for row in found for entry in row if entry.p_value is not None],
    }


def _pictures(plot):
    light, dark = (
        "data:image/svg+xml;base64," + base64.b64encode(figures.render(plot, "svg", style=style)).decode()
        for style in (figures.LIGHT, figures.DARK)
    )
    return {"plot": plot, "light": light, "dark": dark}


def _setting(value, name=""):
    """A field of a configuration or record as text."""
    if value is None:
        return {"epochs": "by the stopping rule", "classes": "the data set’s"}.get(name, "none")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return formatting.significant(value)
    if isinstance(value, (list, tuple)):
        return ", ".join(_setting(item) for item in value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_setting(item)}" for name, item in value.items())
    return str(value)
