"""What stands on top of the page: the runs, the data, the verdicts in numbers, and what replicates where."""

import collections
import dataclasses
import functools
import itertools

from replication import catalog, experiments
from replication.configuration import presets
from replication.report import verdicts


def facts(store, judged):
    """The numbers in the page's head, by name.

    Args:
        store: The `Store`.
        judged: Pairs of a table's module and its `verdicts.Entry`s.
    """
    entries = [entry for _, found in judged for entry in found]
    runs = [minimizer.run for minimizer in store.minimizers]
    networks = [network for network in catalog.NETWORKS if network in {run.network for run in runs}]
    known = {entry.network for entry in entries if entry.paper}
    counts = verdicts.count(entries)
    measured = [item for minimizer in store.minimizers for item in (minimizer, *minimizer.iterates)]
    return {
        "counts": counts,
        "decided": sum(counts[verdict] for verdict in verdicts.VERDICTS[:3]),
        "absent_entries": sum(entry.network not in networks for entry in entries),
        "networks": networks,
        "beyond": [network for network in networks if network not in known],
        "absent": [network for network in dict.fromkeys(entry.network for entry in entries)
                   if network not in networks],
        "datasets": [
            {"name": name, "sizes": sorted({minimizer.training_size for minimizer in store.minimizers
                                            if minimizer.run.dataset == name}),
             "papers": sorted({run.network for run in runs if run.dataset == name and run.network in known
                               and catalog.NETWORKS[run.network].dataset == name}),
             "others": sorted({run.network for run in runs if run.dataset == name and run.network in known
                               and catalog.NETWORKS[run.network].dataset != name})}
            for name in sorted({run.dataset for run in runs})
        ],
        "presets": _presets(store.minimizers),
        "notes": {name: preset.note for name, preset in presets.PRESETS.items()},
        "trials": len({run.trial for run in runs}),
        "measurements": sum(len(item.all_measurements) for item in measured),
    }


def contrasts(judged):
    """The contrasts of all tables, a row for each network, data set and configuration that has runs.

    Args:
        judged: As in `facts`.

    Returns:
        {"columns": [{"id", "name", "heading"}], "rows": [{"network", "dataset", "label", "contrasts" (an `Entry`
        or None for each column), "replicated", "judged" (numbers of single values)}]}.
    """
    columns = [(module.NUMBER, contrast) for module, _ in judged for contrast in module.CONTRASTS]
    order = list(catalog.NETWORKS)
    entries = sorted((entry for _, found in judged for entry in found if entry.dataset),
                     key=lambda entry: (order.index(entry.network), entry.dataset, entry.label))
    rows = []
    for (network, dataset, label), group in itertools.groupby(
            entries, lambda entry: (entry.network, entry.dataset, entry.label)):
        by_name = {(entry.table, entry.name): entry for entry in group}
        values = [entry for entry in by_name.values() if entry.kind in ("accuracy", "sharpness")
                  and entry.verdict in verdicts.VERDICTS[:3]]
        rows.append({
            "network": network, "dataset": dataset, "label": label,
            "contrasts": [by_name.get((number, contrast.name)) for number, contrast in columns],
            "replicated": sum(entry.verdict == verdicts.REPLICATED for entry in values), "judged": len(values)})
    return {"rows": rows, "columns": [
        {"id": f"table{number}", "name": f"Table {number}", "heading": contrast.heading}
        for number, contrast in columns]}


def _presets(minimizers):
    """How many runs belong to each preset; under "" those that belong to none."""
    trials = 1 + max((minimizer.run.trial for minimizer in minimizers), default=0)

    @functools.cache
    def runs_of(name, network, architecture, jit_compile, description):
        setup = experiments.Setup(
            preset=presets.PRESETS[name], networks=(network,), trials=trials, architecture=architecture,
            jit_compile=lambda _: jit_compile, describe=lambda _: description, study_networks=(network,))
        return set(experiments.merge(experiments.get(each).needs(setup) for each in experiments.names()).runs)

    def preset(minimizer):
        run = minimizer.run
        known = catalog.DATASETS[run.dataset]
        description = dataclasses.replace(known, training_size=known.training_size or minimizer.training_size,
                                          classes=known.classes or run.classes)
        fitting = (name for name, each in presets.PRESETS.items() if run.dataset == each.dataset(run.network))
        return next((name for name in fitting if run in runs_of(
            name, run.network, run.architecture, run.jit_compile, description)), "")

    return collections.Counter(map(preset, minimizers))
