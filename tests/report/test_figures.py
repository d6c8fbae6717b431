"""Plots: what is drawn, and that it is the same bytes each time."""

import io

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.layout_engine import ConstrainedLayoutEngine

from replication.experiments.drawing import Panel, Plot, Series
from replication.report import figures
from replication.report.figures import render


def panel(*series, **choices):
    return Panel(x_label=choices.pop("x_label", "x"), left_label="y", series=series, **choices)


def line(y, *, x=(1, 2, 3), label="ours", role="ink", **choices):
    return Series(label, x, y, role, **choices)


STACKED = Plot("figure9-F1", "two panels", (
    panel(line((1.0, 2.0, 3.0), role="SB", marker="o"), log_x=True, marks=((2, "LB"),)),
    panel(line((1.0, 10.0, 9000.0), role="LB"), line((3.0, 4.0, 5.0), label="right", role="right", side="right"),
          right_label="z")))


def axes_of(plot):
    """The axes of a drawn plot, left ones first and from top to bottom."""
    return figures._draw(plot).axes


@pytest.mark.parametrize("style", [figures.LIGHT, figures.DARK])
def test_the_same_bytes_each_time(style):
    rendered = render(STACKED, style=style)
    assert list(rendered) == list(figures.FORMATS) and render(STACKED, style=style) == rendered


def test_light_and_dark_differ():
    light, dark = (render(STACKED, formats=("svg",), style=style) for style in (figures.LIGHT, figures.DARK))
    assert light != dark


def test_texts_get_their_places_once_for_all_formats(monkeypatch):
    calls, execute = [], ConstrainedLayoutEngine.execute
    monkeypatch.setattr(ConstrainedLayoutEngine, "execute", lambda self, figure: calls.append(execute(self, figure)))
    assert len(render(STACKED)) == 3 and len(calls) == 1


def test_the_last_digits_of_places_do_not_matter(monkeypatch):
    """They depend on the processor."""
    expected, execute = render(STACKED), ConstrainedLayoutEngine.execute

    def rounded_otherwise(self, figure):
        found = execute(self, figure)
        for axes in figure.axes:
            axes._set_position(axes.get_position(original=True).translated(1e-14, -1e-14))
        return found

    monkeypatch.setattr(ConstrainedLayoutEngine, "execute", rounded_otherwise)
    assert render(STACKED) == expected


def test_neighbours_with_the_same_label_share_their_axis():
    upper, lower, _ = axes_of(STACKED)
    assert upper.get_shared_x_axes().joined(upper, lower)
    assert upper.get_xlabel() == "" and lower.get_xlabel() == "x"
    separate = Plot("n", "t", (panel(line((1, 2, 3))), panel(line((1, 2, 3)), x_label="other")))
    upper, lower = axes_of(separate)
    assert not upper.get_shared_x_axes().joined(upper, lower)
    assert (upper.get_xlabel(), lower.get_xlabel()) == ("x", "other")


@pytest.mark.parametrize("y, wanted, expected", [
    ((1, 2, 3), None, "linear"), ((1, 2, 51), None, "log"), ((1, 2, 3), True, "log"), ((1, 2, 51), False, "linear"),
    ((0, 2, 300), True, "linear"), ((-1, 2, 300), None, "linear")])
def test_scale_of_the_left_axis(y, wanted, expected):
    (left,) = axes_of(Plot("n", "t", (panel(line(y), log_left=wanted),)))
    assert left.get_yscale() == expected


def test_logarithmic_axes_are_labelled():
    figure = figures._draw(Plot("n", "t", (panel(line((2.1, 2.2, 2.9), x=(8, 40, 144)), log_x=True, log_left=True),)))
    FigureCanvasAgg(figure).draw()
    (axes,) = figure.axes
    for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        inside = [label.get_text() for label in axis.get_ticklabels() if low <= label.get_unitless_position()[
            axis is axes.yaxis] <= high]
        assert len(inside) >= 2 and all(float(text) > 0 for text in inside)


def test_a_legend_covers_no_axes_and_names_each_line_once():
    plot = Plot("n", "t", (panel(line((1, 2, 3), label="SB", role="SB")),
                           panel(line((3, 2, 1), label="SB", role="SB"), line((2, 2, 2), label="LB", role="LB"))))
    figure = figures._draw(plot)
    figure.savefig(io.BytesIO(), format="png")
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["SB", "LB"]
    assert not any(axes.get_window_extent().overlaps(legend.get_window_extent()) for axes in figure.axes)


def test_a_title_is_no_formula():
    assert render(Plot("n", "$\\nonsense $", (panel(line((1, 2, 3))),)), formats=("svg",))


def test_each_panel_adds_to_the_height():
    width, height = figures.size(STACKED)
    assert (width, height) == (560, 680)
    assert figures.size(Plot("n", "t", STACKED.panels[:1])) == (560, 420)
