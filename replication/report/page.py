"""The page report/index.html: self-contained, without scripts, the same bytes for the same records."""

import base64
import pathlib

import jinja2

from replication import catalog
from replication.report import figures, formatting, overview, paper, tables, verdicts

_TEMPLATES = pathlib.Path(__file__).parent / "templates"


def render(store, judged, drawn, listed):
    """The page as HTML.

    Args:
        store: The `Store`.
        judged: Pairs of a table's module and its `verdicts.Entry`s.
        drawn: By a figure's name, its module and its `experiments.Plot`s.
        listed: By a listing's name, its module, headings and `experiments.ListingLine`s.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    environment.filters |= {
        "number": formatting.number, "percent": formatting.percent, "significant": formatting.significant,
        "duration": formatting.duration, "ours": formatting.ours, "papers": formatting.papers,
        "difference": formatting.difference, "probability": formatting.probability, "cell": formatting.cell,
        "setting": _setting, "peculiarities": _peculiarities, "dataset": catalog.dataset_label,
        "thousands": "{:,}".format, "slug": lambda text: text.replace(" ", "-"),
    }
    return environment.get_template("index.html.j2").render(
        paper=paper, margins=verdicts, store=store, runs={item.name: item.run for item in store.minimizers},
        **overview.facts(store, judged), overview=overview.contrasts(judged),
        tables=[_table(module, entries) for module, entries in judged],
        figures=[{**_heading(name, module), "pictures": [_pictures(plot) for plot in plots]}
                 for name, (module, plots) in drawn.items() if _belongs(module, plots)],
        listings=[{**_heading(name, module), "headings": headings, "lines": lines}
                  for name, (module, headings, lines) in listed.items() if _belongs(module, lines)],
    )


def _belongs(module, content):
    """Whether an experiment has a section: always, but for those that another command makes, where it has not."""
    return bool(content) or not hasattr(module, "COMMAND")


def _heading(name, module):
    """What stands above a figure or listing; the paper's figures are called as there: "Figure 3" for figure3."""
    place = getattr(module, "PLACE", None)
    short = name.capitalize() if place else name.replace("figure", "Figure ")
    return {"id": name, "short": short, "place": place or short, "title": module.TITLE, "caption": module.CAPTION,
            "command": getattr(module, "COMMAND", f"--experiments={name}")}


def _table(module, entries):
    rows = tables.by_row(entries)
    found = [row for row in rows if row[0].dataset]
    return {
        "id": f"table{module.NUMBER}", "number": module.NUMBER, "title": module.TITLE, "caption": module.CAPTION,
        "headings": [entry.heading for entry in rows[0]],
        "rows": found, "absent": [row for row in rows if not row[0].dataset],
        "by_direction": sorted({f"{row[0].network} on {catalog.dataset_label(row[0].dataset)}" for row in found
                                if verdicts.judged_by_direction(row[0])}),
        "tests": [entry for row in found for entry in row if entry.p_value is not None],
    }


def _pictures(plot):
    light, dark = (
        "data:image/svg+xml;base64," + base64.b64encode(figures.render(plot, "svg", style=style)).decode()
        for style in (figures.LIGHT, figures.DARK)
    )
    return {"plot": plot, "light": light, "dark": dark, "size": figures.size(plot)}


def _peculiarities(run):
    """What a run has that the runs of tables 2 to 4 do not, as text."""
    start = run.start and f"from epoch {run.start.epoch} of {run.start.run}"
    return ", ".join(filter(None, (
        run.remedy and run.remedy.label, run.optimizer if run.optimizer != "adam" else None,
        run.precision if run.precision != "float32" else None,
        None if run.epochs is None else f"exactly {run.epochs} epochs", start,
        run.distribution and run.distribution.label)))


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
