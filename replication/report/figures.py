"""Draws an `experiments.Plot`: the same bytes every time, without the global state of pyplot."""

import io
import logging
import pathlib

import matplotlib
import matplotlib.style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_FOLDER = pathlib.Path(__file__).parent
LIGHT = (_FOLDER / "replication.mplstyle",)
DARK = (*LIGHT, _FOLDER / "dark.mplstyle")
FORMATS = ("png", "pdf", "svg")
# A date or a version in a file would change its bytes.
_METADATA = {
    "png": {"Software": None},
    "pdf": {"Creator": None, "Producer": None, "CreationDate": None},
    "svg": {"Creator": None, "Date": None},
}
# Embedding a font in a PDF is a page of log lines otherwise.
logging.getLogger("fontTools").setLevel(logging.WARNING)

_ROLES = ("left", "right", "SB", "LB")
_MARKERS = {"SB": "o", "LB": "s"}
# A loss that spans more than this factor is read better on a logarithmic axis.
_LOGARITHMIC_FROM = 50


def render(plot, extension, *, style=LIGHT):
    """A plot as the bytes of a file.

    Args:
        plot: An `experiments.Plot`.
        extension: One of FORMATS.
        style: Style sheets, LIGHT (default) or DARK; the user's own matplotlibrc plays no part.
    """
    with matplotlib.style.context(["default", *style]):
        figure = _draw(plot)
        file = io.BytesIO()
        figure.savefig(file, format=extension, metadata=_METADATA[extension])
    return file.getvalue()


def _draw(plot):
    colours = dict(zip(_ROLES, matplotlib.rcParams["axes.prop_cycle"].by_key()["color"]))
    figure = Figure()
    FigureCanvasAgg(figure)
    left = figure.add_subplot()
    right = left.twinx()
    axes = {"left": left, "right": right}
    right.grid(visible=False)
    lines = [
        axes[series.side].plot(plot.x, series.y, color=colours[series.side],
                               linestyle="--" if series.dashed else "-", label=series.label)[0]
        for series in plot.series
    ]
    losses = [y for series in plot.series if series.side == "left" for y in series.y]
    if min(losses) > 0 and max(losses) > _LOGARITHMIC_FROM * min(losses):
        left.set_yscale("log")
    for x, regime in plot.marks:
        _mark(left, x, regime, colours[regime])
    left.set_xlim(plot.x[0], plot.x[-1])
    left.set_xlabel(plot.x_label)
    left.set_ylabel(plot.left_label)
    right.set_ylabel(plot.right_label, color=colours["right"])
    right.tick_params(axis="y", colors=colours["right"])
    figure.suptitle(plot.title, x=0.01, horizontalalignment="left",
                    fontsize=matplotlib.rcParams["axes.titlesize"])
    figure.legend(handles=lines, loc="outside lower center", ncols=2)
    return figure


def _mark(axes, x, regime, colour):
    """A vertical line at a minimizer, named above the axes; its marker's shape tells it without colour."""
    axes.axvline(x, color=colour, linewidth=1.4, linestyle=":", zorder=0.5)
    top = axes.get_xaxis_transform()
    axes.plot([x], [1], color=colour, marker=_MARKERS[regime], markersize=6, clip_on=False, linestyle="",
              transform=top)
    axes.annotate(regime, (x, 1), xycoords=top, xytext=(0, 6), textcoords="offset points",
                  horizontalalignment="center", color=colour, fontweight="bold")
