"""Reports of tests draw each figure once a process, in light and as SVG: drawing is most of a report's time.

What the other formats and the dark style hold is for `tests.report.test_figures`.
"""

import functools

from replication.report.figures import FORMATS, LIGHT

# Drawn in each format that is asked for.
_WHOLE = ("figure3-", "surface-")


def sparing(render):
    """Returns a `figures.render` that gives the SVG for each format of a figure, but for _WHOLE."""
    drawn = functools.cache(render)

    def rendered(plot, *, formats=FORMATS, style=LIGHT):
        if plot.name.startswith(_WHOLE):
            return drawn(plot, formats=tuple(formats), style=style)
        return dict.fromkeys(formats, drawn(plot, formats=("svg",), style=LIGHT)["svg"])

    return rendered
