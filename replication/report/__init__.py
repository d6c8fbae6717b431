"""Tables, figures, listings, verdicts and the page, drawn from the records of a workdir alone, without TensorFlow."""

import functools

from replication import experiments, files, paper
from replication.experiments.base import EPSILON_LABELS, lowest_trials, test_accuracy
from replication.experiments.drawing import title
from replication.experiments.table3 import common_protocol, values
from replication.report import decisions, figures, formatting, measurements, page, surfaces, tables, verdicts
from replication.store import Store
from replication.store.grouping import EPSILONS


class Report:
    """The tables, figures and page of a workdir, which may be drawn again and again while it is filled.

    Args:
        workdir: A `records.Workdir`.
    """

    def __init__(self, workdir):
        self._workdir = workdir
        # A figure whose records have not changed is not rendered again.
        self._render = functools.cache(figures.render)

    def draw(self):
        """Writes the workdir's tables, figures, answers, measurements.csv and report/index.html.

        The same records give the same bytes. Figures and listings of an earlier report that no record supports any
        longer are removed.

        Returns:
            The `store.Store` of the records that were drawn; its `problems` are one line for each damaged record. Such
            records are left out; they are not changed.
        """
        with self._workdir.drawing():
            store = Store(self._workdir)
            _draw(self._workdir, store, self._render)
        return store


def make_report(workdir):
    """Draws the `Report` of a `records.Workdir`; returns a list with one line for each damaged record."""
    return Report(workdir).draw().problems


def headline(store):
    """Returns what the report finds first: accuracy and sharpness of SB and LB, three lines for each network.

    Args:
        store: A `store.Store`.
    """
    lines = []
    for comparison, sides in lowest_trials(store, lambda run: common_protocol([run])):
        runs = list(sides.values())
        protocol = common_protocol(runs)
        lines.append(title(runs[0].run, comparison.label))
        for regime, finished_run in sides.items():
            sharpness = [f"{formatting.number(value)} % ({EPSILON_LABELS[name]})" for name, epsilon in EPSILONS.items()
                         for value in values([finished_run], protocol, epsilon)]
            lines.append(f"  {regime}, batches of {finished_run.run.batch_size:,}: test accuracy "
                         f"{test_accuracy(finished_run):.2f} %, sharpness {', '.join(sharpness)}")
    return "\n".join(lines)


def verify(workdir):
    """Compares a workdir's tables with the paper's.

    Args:
        workdir: A `records.Workdir`.

    Returns:
        The judged `verdicts.Entry`s of all tables, and a list with one line for each damaged record, which is left out.
    """
    store = Store(workdir)
    return [entry for _, entries in _judged(store) for entry in entries], store.problems


def _draw(workdir, store, render):
    judged = _judged(store)
    for table, entries in judged:
        _write(workdir.tables, f"table{table.number}", tables.files(table.title, entries))
    listed = [(listing, *listing.listing(store)) for listing in experiments.listings().values()]
    for listing, headings, lines in listed:
        _write(workdir.tables, listing.name, tables.listing_files(listing.name, listing.title, headings, lines=lines),
               keep=bool(lines))
    answers = _answers(store)
    _write(workdir.tables, "answers", {"md": "".join(f"**{title}.** {answer}\n\n" for title, answer in answers)},
           keep=bool(answers))
    drawn = [(figure, figure.axes(store)) for figure in experiments.figures().values()]
    _write_figures(workdir.figures, [plot for _, plots in drawn for plot in plots], render)
    surfaces.write(workdir.tables, store)
    files.write_text(workdir.measurements_table, measurements.to_csv(store))
    files.write_text(workdir.page, page.render(store, judged, drawn, listed=listed, draw=render))


def _answers(store):
    """Returns pairs of an experiment's title and the sentence that answers its question, of those that have one."""
    found = [(experiment.title, experiment.answer(store)) for experiment in (
        *experiments.listings().values(), *experiments.figures().values()) if experiment.answer]
    return [(title, answer) for title, answer in found if answer]


def _judged(store):
    """Returns pairs of a table and its judged entries."""
    rows = {number: table.rows(store) for number, table in sorted(experiments.tables().items())}
    endpoints = decisions.number_of_endpoints(rows)
    return [(table, verdicts.judge(table, rows[number], paper.table(number), endpoints=endpoints))
            for number, table in sorted(experiments.tables().items())]


def _write(folder, name, texts, *, keep=True):
    """Writes the files of a table or listing, or removes them."""
    for extension, text in texts.items():
        if keep:
            files.write_text(folder / f"{name}.{extension}", text)
        else:
            (folder / f"{name}.{extension}").unlink(missing_ok=True)


def _write_figures(folder, plots, render):
    names = set()
    for plot in plots:
        for extension, content in render(plot).items():
            names.add(f"{plot.name}.{extension}")
            with files.replacing(folder / f"{plot.name}.{extension}") as temporary:
                temporary.write_bytes(content)
    for name in experiments.figures():
        for extension in figures.FORMATS:
            for path in folder.glob(f"{name}-*.{extension}"):
                if path.name not in names:
                    path.unlink(missing_ok=True)
