"""Tables, figures, listings, verdicts and the page, drawn from a workdir's records alone; needs no TensorFlow."""

from replication import experiments, files
from replication.report import figures, page, paper, tables, verdicts
from replication.report.store import Store


def make_report(workdir):
    """Writes a workdir's tables, figures and report/index.html anew.

    The same records give the same bytes. Figures and listings of earlier drawings that no record
    supports any longer are removed.

    Args:
        workdir: A `records.Workdir`.

    Returns:
        One line for each damaged record; these are left alone, and what can be read is drawn.
    """
    with workdir.drawing():
        store = Store(workdir)
        _draw(workdir, store)
    return store.problems


def _draw(workdir, store):
    judged = [(module, _judged(module, store)) for _, module in sorted(experiments.tables().items())]
    for module, entries in judged:
        for extension, text in tables.files(module.TITLE, entries).items():
            files.write_text(workdir.tables / f"table{module.NUMBER}.{extension}", text)
    listed = {name: (module, *module.listing(store)) for name, module in sorted(experiments.listings().items())}
    for name, (module, headings, lines) in listed.items():
        _write_listing(workdir.tables, name, module.TITLE, headings, lines)
    drawn = {name: (module, module.axes(store)) for name, module in sorted(experiments.figures().items())}
    _write_figures(workdir.figures, [plot for _, plots in drawn.values() for plot in plots])
    files.write_text(workdir.page, page.render(store, judged, drawn, listed))


def verify(workdir, numbers):
    """Compares a workdir's tables with the paper's.

    Args:
        workdir: A `records.Workdir`.
        numbers: Numbers of tables, keys of `experiments.tables()`.

    Returns:
        The judged `verdicts.Entry`s, and one line for each damaged record, which is not used.
    """
    store = Store(workdir)
    modules = experiments.tables()
    return [entry for number in numbers for entry in _judged(modules[number], store)], store.problems


def _judged(module, store):
    return verdicts.judge(module, module.rows(store), paper.table(module.NUMBER))


def _write_listing(folder, name, title, headings, lines):
    for extension, text in tables.listing_files(name, title, headings, lines).items():
        path = folder / f"{name}.{extension}"
        if lines:
            files.write_text(path, text)
        else:
            path.unlink(missing_ok=True)


def _write_figures(folder, plots):
    names = set()
    for plot in plots:
        for extension in figures.FORMATS:
            names.add(f"{plot.name}.{extension}")
            with files.replacing(folder / f"{plot.name}.{extension}") as temporary:
                temporary.write_bytes(figures.render(plot, extension))
    for name in experiments.figures():
        for extension in figures.FORMATS:
            for path in folder.glob(f"{name}-*.{extension}"):
                if path.name not in names:
                    path.unlink(missing_ok=True)
