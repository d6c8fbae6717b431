"""Draws a `drawing.Plot`: the same bytes every time, without the global state of pyplot."""

import io
import logging
import pathlib

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib import ticker
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from replication.experiments.drawing import Contours

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

# Index of each role in the style's cycle of colours.
_ROLES = {"ink": 0, "left": 0, "right": 1, "SB": 2, "LB": 3}
_MARKERS = {"SB": "o", "LB": "s"}
# A quantity that spans more than this factor is read better on a logarithmic axis.
_LOGARITHMIC_FROM = 50
# Of the places of axes, in parts of a figure.
_DECIMALS = 9
# Inches that each panel below the first adds to a figure's height.
_PANEL_HEIGHT = 2.6


def render(plot, *, formats=FORMATS, style=LIGHT):
    """Returns the bytes of a plot's files, by format.

    Args:
        plot: A `drawing.Plot`.
        formats: Some of FORMATS, by default all.
        style: Style sheets, by default LIGHT; DARK is the other. The user's own matplotlibrc plays no part.
    """
    found = {}
    with matplotlib.style.context(["default", *style]):
        figure = _draw(plot)
        _lay_out(figure)
        for extension in formats:
            file = io.BytesIO()
            figure.savefig(file, format=extension, metadata=_METADATA[extension])
            found[extension] = file.getvalue()
    return found


def _lay_out(figure):
    """Gives all axes and texts their places, once for all formats.

    Places are rounded: their last digits depend on the processor, and the names of clip paths in an SVG on them.
    """
    figure.dpi = matplotlib.rcParams["savefig.dpi"]
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes in figure.axes:
        axes.set_position(np.round(axes.get_position().bounds, _DECIMALS))


def size(plot):
    """Returns the width and height of a plot in pixels, at 100 to the inch."""
    with matplotlib.style.context(["default", *LIGHT]):
        return tuple(round(100 * inches) for inches in _inches(plot))


def _inches(plot):
    width, height = matplotlib.rcParams["figure.figsize"]
    return width, height + _PANEL_HEIGHT * (len(plot.panels) - 1)


def _draw(plot):
    cycle = matplotlib.rcParams["axes.prop_cycle"].by_key()["color"]
    colours = {role: cycle[index] for role, index in _ROLES.items()}
    figure = Figure(figsize=_inches(plot))
    FigureCanvasAgg(figure)
    above, lines = None, {}
    for number, panel in enumerate(plot.panels):
        if isinstance(panel, Contours):
            axes = figure.add_subplot(len(plot.panels), 1, number + 1)
            _draw_contours(figure, axes, panel, levels=_levels(plot.panels), colour=colours["ink"])
            continue
        shared = above if above and plot.panels[number - 1].x_label == panel.x_label else None
        axes = figure.add_subplot(len(plot.panels), 1, number + 1, sharex=shared)
        if shared:
            above.tick_params(labelbottom=False)
            above.set_xlabel("")
        for line in _draw_panel(axes, panel, colours):
            # Panels that show the same things share an entry of the legend.
            lines.setdefault((line.get_label(), line.get_color(), line.get_linestyle()), line)
        above = axes
    # A title holds text from records, in which a dollar sign is no formula.
    figure.suptitle(plot.title, x=0.01, horizontalalignment="left", parse_math=False,
                    fontsize=matplotlib.rcParams["axes.titlesize"])
    if lines:
        figure.legend(handles=list(lines.values()), loc="outside lower center", ncols=2)
    return figure


def _levels(panels):
    """Returns the decimal logarithms of the contours of a plot, the same in all its panels."""
    found = [_exponents(panel) for panel in panels if isinstance(panel, Contours)]
    low, high = min(map(np.nanmin, found)), max(map(np.nanmax, found))
    return np.arange(np.floor(2 * low), np.ceil(2 * high) + 1.5) / 2


def _exponents(panel):
    values = np.array(panel.values, np.float64)
    return np.log10(values, out=np.full_like(values, np.nan), where=values > 0)


def _draw_contours(figure, axes, panel, *, levels, colour):
    """Draws contours, a factor of 10^(1/2) apart, and the origin, with the scale beside them."""
    exponents = _exponents(panel)
    filled = axes.contourf(panel.x, panel.y, np.ma.masked_invalid(exponents), levels, cmap="viridis")
    axes.contour(panel.x, panel.y, np.ma.masked_invalid(exponents), levels, colors=[colour], linewidths=0.4)
    axes.plot([0], [0], color=colour, marker="+", markersize=8, linestyle="")
    axes.grid(visible=False)
    axes.set_xlabel(panel.x_label)
    axes.set_ylabel(panel.y_label)
    scale = figure.colorbar(filled, ax=axes, format=ticker.FuncFormatter(lambda exponent, _: f"{10**exponent:.1g}"))
    scale.set_label(panel.quantity)


def _draw_panel(left, panel, colours):
    """Draws a panel on its left axes and returns its lines."""
    axes = {"left": left}
    if panel.right_label:
        axes["right"] = right = left.twinx()
        right.grid(visible=False)
        right.set_ylabel(panel.right_label, color=colours["right"])
        right.tick_params(axis="y", which="both", colors=colours["right"])
    lines = [
        axes[series.side].plot(series.x, np.array(series.y, np.float64), color=colours[series.role],
                               marker=series.marker, markersize=5, linestyle=_line_style(series), label=series.label)[0]
        for series in panel.series
    ]
    for side, wanted in (("left", panel.log_left), ("right", panel.log_right)):
        y = [value for series in panel.series if series.side == side for value in series.y if value is not None]
        if _is_logarithmic(wanted, y):
            axes[side].set_yscale("log")
            _label_decades(axes[side].yaxis, y)
    x = [value for series in panel.series for value in series.x]
    if _is_logarithmic(panel.log_x, x):
        left.set_xscale("log")
        _label_decades(left.xaxis, x)
    if min(x) < max(x) and not any(series.marker for series in panel.series):
        left.set_xlim(min(x), max(x))
    for x, regime in panel.marks:
        _mark(left, x, regime, colours[regime])
    if panel.x_ticks:
        left.set_xticks(*zip(*panel.x_ticks), rotation=40, horizontalalignment="right", parse_math=False)
    left.set_xlabel(panel.x_label)
    left.set_ylabel(panel.left_label)
    return lines


def _line_style(series):
    if not series.joined:
        return "none"
    return "--" if series.dashed else "-"


def _is_logarithmic(wanted, values):
    if not values or min(values) <= 0:
        return False
    return max(values) > _LOGARITHMIC_FROM * min(values) if wanted is None else wanted


def _label_decades(axis, values):
    """Labels a logarithmic axis at the powers of ten, and a short one at 1, 2 and 5 times these."""
    if max(values) < 100 * min(values):
        axis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(ticker.NullFormatter())


def _mark(axes, x, regime, colour):
    """Draws a vertical line at a minimizer, with its name and a marker above the axes, whose shape needs no colour."""
    axes.axvline(x, color=colour, linewidth=1.4, linestyle=":", zorder=0.5)
    top = axes.get_xaxis_transform()
    axes.plot([x], [1], color=colour, marker=_MARKERS[regime], markersize=6, clip_on=False, linestyle="",
              transform=top)
    axes.annotate(regime, (x, 1), xycoords=top, xytext=(0, 6), textcoords="offset points",
                  horizontalalignment="center", color=colour, fontweight="bold")
