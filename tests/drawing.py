"""Reports of tests draw each figure once a process, in light and as SVG: drawing is most of a report's time.

What the other formats and the dark style hold is for `tests.report.test_figures`.
"""

import functools

from replication.report.figures import FORMATS, LIGHT


def sparing(render):
    """Returns a `figures.render` that gives the light SVG for each format and style of a figure."""
    drawn = functools.cache(render)

    def rendered(plot, *, formats=FORMATS, style=LIGHT):
        return dict.fromkeys(formats, drawn(plot, formats=("svg",), style=LIGHT)["svg"])

    return rendered
