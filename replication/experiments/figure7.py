"""Figure 7 (appendix D): cross-entropy and accuracy on a curve through an SB and an LB minimizer.

    python -m replication.reproduce --preset=paper --networks=F1 --trials=1 --experiments=figure7

It takes 4 minutes of training and half a minute for the path on two cores. F1, trial 0: results/figures/figure7-F1.pdf.
"""

import dataclasses
import functools

import replication.experiments.figure3 as figure3

FIGURE = dataclasses.replace(
    figure3.FIGURE, name="figure7",
    title="Cross-entropy and accuracy along a curve from the SB to the LB minimizer",
    caption=(
        "This is figure 3 on the curve sin(απ/2) times the LB minimizer plus cos(απ/2) times the SB minimizer, which "
        "does not shrink the weights between the two as a line does. The paper saw the same as on the line: a "
        "wide valley around SB, a narrow one around LB. Solid: training set, dashed: test set."),
    needs=functools.partial(figure3.needs, kind="curved"),
    axes=functools.partial(figure3.axes, kind="curved", stem="figure7"))
