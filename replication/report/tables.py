"""The judged entries of a table, and the lines of a listing, as CSV, JSON, Markdown and LaTeX."""

import csv
import io
import itertools
import json
import math

import tabulate

from replication.catalog import dataset_label
from replication.report import decisions, formatting

FIELDS = (
    "table", "network", "data", "configuration", "entry", "unit", "ours", "ours_deviation", "ours_trials",
    "paper", "paper_deviation", "paper_trials", "comparison", "interval_low", "interval_high", "prediction_low",
    "prediction_high", "t_test_p", "sign_flip_p", "verdict", "note",
)
_NOTE = "Mean ± sample standard deviation (number of trials)."
# The paper prints no ratio; ours of its values is not the quotient of the means.
NOTE_ON_RATIOS = ("LB / SB is a ratio of geometric means: ours by trial; the paper prints no ratio, and the one shown "
                  "follows from its means and deviations for log-normal values.")
_LATEX = {"±": r"$\pm$", "ε": r"$\varepsilon$", "−": "$-$", "–": "--", "∞": r"$\infty$", "×": r"$\times$",
          "₀": "$_0$", "’": "'", "√": r"$\surd$", "τ": r"$\tau$", "‖": r"$\|$", "∇": r"$\nabla$", "ρ": r"$\rho$"}


def files(title, entries):
    """Returns the text of each of a table's files.

    Args:
        title: The table's title.
        entries: Its `verdicts.Entry`s.

    Returns:
        {extension: text}: "csv" and "json" hold one object for each entry, unrounded; "md" and "tex" have the paper's
        layout, ours above the paper's.
    """
    flat = [record(entry) for entry in entries]
    number, note = entries[0].table, note_of(entries)
    header, lines = layout(entries)
    return {
        "csv": _csv(FIELDS, flat),
        "json": json.dumps({"table": number, "title": title, "entries": flat}, indent=1, allow_nan=False) + "\n",
        "md": f"Table {number}. {title}. {note}\n\n{_text(header, lines, 'pipe')}\n",
        "tex": _latex(f"table{number}", f"{title}. {note}", header, lines),
    }


def note_of(entries):
    """Returns the sentences below a table's title that tell what its entries are."""
    return f"{_NOTE} {NOTE_ON_RATIOS}" if any(entry.kind == "ratio" for entry in entries) else _NOTE


def listing_files(name, title, headings, *, lines):
    """Returns the text of each of a listing's files, as `files` does for a table.

    Args:
        name: Name of the experiment.
        title: Its title.
        headings: Headings of the columns.
        lines: `base.ListingLine`s.
    """
    flat = [dict(zip(headings, map(_finite, line.cells))) | {"runs": " ".join(line.runs)} for line in lines]
    text = [[formatting.cell(cell) for cell in line.cells] for line in lines]
    return {
        "csv": _csv((*headings, "runs"), flat),
        "json": json.dumps({"listing": name, "title": title, "lines": flat}, indent=1, allow_nan=False) + "\n",
        "md": f"{title}.\n\n{_text(headings, text, 'pipe')}\n",
        "tex": _latex(name, f"{title}.", headings, text),
    }


def record(entry):
    """Returns an entry as a dictionary with the keys FIELDS; an absent or infinite value is None."""
    ours, paper = entry.ours, entry.paper
    values = (
        entry.table, entry.network, dataset_label(entry.dataset), entry.label, entry.name, formatting.UNITS[entry.kind],
        ours and ours.mean, ours and ours.deviation, ours and ours.trials,
        paper and paper.mean, paper and paper.deviation, paper and paper.trials,
        entry.comparison, *(entry.interval or (None, None)), *(entry.prediction or (None, None)), entry.p_value,
        entry.sign_flip_p, entry.verdict, entry.note,
    )
    return {name: _finite(value) for name, value in zip(FIELDS, values)}


def _finite(value):
    """Returns a value of a file for machines; None for an infinite number, which JSON does not have."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def by_row(entries):
    """Returns the entries as a list of lists, one for each network, data set and label, in order."""
    return [list(group) for _, group in itertools.groupby(entries, lambda e: (e.network, e.dataset, e.label))]


def layout(entries):
    """Returns the headings and the lines of a table in the paper's layout.

    A row has three lines of strings: ours, the paper's and the verdict; an entry is a column.
    """
    rows = by_row(entries)
    labelled = any(entry.label for entry in entries)
    header = ["network", "data"] + ["configuration"] * labelled + [""] + [entry.heading for entry in rows[0]]
    lines = []
    for row in rows:
        first = row[0]
        title = [first.network, dataset_label(first.dataset) or formatting.UNKNOWN] + [first.label] * labelled
        blank = [""] * len(title)
        nothing = all(entry.ours is None for entry in row)
        lines += [
            [*title, "ours", *("missing" if nothing else formatting.ours(entry) for entry in row)],
            [*blank, "paper", *(formatting.papers(entry) for entry in row)],
        ]
        if not nothing:
            lines.append([*blank, "verdict", *(formatting.verdict(entry) for entry in row)])
    return header, lines


def comparison(entries):
    """Returns a table for a terminal, with one line for each entry; networks without any run are left out."""
    lines = [
        [" ".join(filter(None, (entry.network, dataset_label(entry.dataset),
                                f"({entry.label})" if entry.label else ""))),
         entry.heading, formatting.ours(entry), formatting.papers(entry),
         formatting.comparison(entry), formatting.interval(entry), formatting.probability(entry.p_value),
         formatting.verdict(entry)]
        for entry in entries if entry.dataset
    ]
    header = ["network", "entry", "ours", "paper", "ours to paper", "90 % interval", "p", "verdict"]
    return _text(header, lines, "simple")


def decision(checks):
    """Returns what `decisions.Check`s decide, as a table for a terminal with one line for each.

    Args:
        checks: The `decisions.Check`s.
    """
    if not checks:
        return "Nothing is decided: there is no plain run of one of the paper's networks on its data."
    lines = [[" ".join(filter(None, (check.entry.network, f"({check.entry.label})" if check.entry.label else ""))),
              check.kind, f"table {check.entry.table}, {check.entry.heading}", check.answer,
              _reason(check)] for check in checks]
    return "What decides:\n\n" + _text(["network", "", "entry", "outcome", "why"], lines, "simple") + "\n"


def _reason(check):
    """Returns in a few words why a check is undecided, or what its entry's note says."""
    is_open_gate = check.kind == "gate" and check.outcome == decisions.OPEN
    if is_open_gate and check.entry.comparison is not None and check.entry.interval is None:
        return "outside the margin, without an interval"
    if check.entry.note:
        return check.entry.note.partition(":")[0]
    if check.entry.ours is None:
        return "no run, or not measured as by the preset"
    return "the mean is outside, the interval reaches inside" if is_open_gate else ""


def _csv(fields, flat):
    text = io.StringIO()
    writer = csv.DictWriter(text, fields, lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue()


def _latex(name, caption, header, lines):
    caption = caption.replace("%", r"\%")
    text = "\n".join([
        "% needs \\usepackage{booktabs}", r"\begin{table}", r"\centering", rf"\caption{{{caption}}}",
        rf"\label{{tab:{name}}}", _text(header, lines, "latex_booktabs"), r"\end{table}", ""])
    return text.translate(str.maketrans(_LATEX))


def _text(header, lines, style):
    return tabulate.tabulate(lines, headers=header, tablefmt=style, disable_numparse=True)
