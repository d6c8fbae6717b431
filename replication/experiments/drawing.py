"""What a figure hands to the report: plots of panels, with lines on axes or contours on a plane."""

import dataclasses

from replication import catalog


@dataclasses.dataclass(frozen=True)
class Series:
    """A line of a panel.

    Attributes:
        label: Its entry in the legend.
        x, y: Floats, equally many; y is None where the line has a gap.
        role: The meaning of its colour: "SB", "LB", "left" or "right" (a quantity of that axis) or "ink".
        dashed: Whether it is dashed (test) or solid (training).
        side: The axis on which it is read: "left" or "right".
        marker: matplotlib's name of the marker at each point; None for none.
        joined: Whether a line joins the points.
    """

    label: str
    x: tuple
    y: tuple
    role: str
    dashed: bool = False
    side: str = "left"
    marker: str | None = None
    joined: bool = True


@dataclasses.dataclass(frozen=True)
class Panel:
    """The axes of a plot: an x axis, a left axis, and perhaps a right one.

    An axis with a value that is not positive is linear even if it is asked to be logarithmic.

    Attributes:
        x_label, left_label, right_label: Labels of the axes, with units; None for `right_label` leaves out that axis.
        series: `Series`, at least one on each axis.
        log_x, log_right: Whether these axes are logarithmic.
        log_left: Whether the left axis is; None if it depends on whether its values span more than a factor of 50.
        marks, x_ticks: Pairs of an x and the regime whose minimizer lies there, and of an x and its text on the axis.
    """

    x_label: str
    left_label: str
    series: tuple
    right_label: str | None = None
    log_x: bool = False
    log_left: bool | None = None
    log_right: bool = False
    marks: tuple = ()
    x_ticks: tuple = ()


@dataclasses.dataclass(frozen=True)
class Contours:
    """A panel with the contours of a positive quantity on a plane, on a logarithmic scale.

    Attributes:
        x_label, y_label, quantity: Labels of the axes and of the scale of the quantity, with units.
        x, y: Floats in ascending order.
        values: For each y, the quantity at each x; None where it has a gap.
    """

    x_label: str
    y_label: str
    quantity: str
    x: tuple
    y: tuple
    values: tuple


@dataclasses.dataclass(frozen=True)
class Plot:
    """One figure file: a panel, or several one below the other.

    Attributes:
        name: Stem of its files.
        title: One line above it.
        panels: `Panel`s or `Contours` from top to bottom; neighbouring panels with the same x label share their x axis.
        runs: Names of the runs behind it.
    """

    name: str
    title: str
    panels: tuple
    runs: tuple = ()


def plots(stem, found):
    """Returns a `Plot` for each of several triples, named STEM-NETWORK, numbered if a network has several.

    Args:
        stem: Name of the experiment.
        found: Triples of a label, which may be "", the `store.FinishedRun`s behind the plot, which share network, data
            set and trial, and its panels.
    """
    networks = [finished_runs[0].run.network for _, finished_runs, _ in found]
    result = []
    for index, (label, finished_runs, panels) in enumerate(found):
        run = finished_runs[0].run
        number = f"-{networks[:index + 1].count(run.network)}" if networks.count(run.network) > 1 else ""
        result.append(Plot(f"{stem}-{run.network}{number}", title(run, label), panels,
                           tuple(dict.fromkeys(each.name for each in finished_runs))))
    return result


def title(run, label):
    """Returns the network, data set and trial of a `configuration.Run` in words, and a label, which may be ""."""
    where = f"{run.network} on {catalog.dataset_label(run.dataset)}, trial {run.trial}"
    return f"{where} ({label})" if label else where
