"""What experiments are told and what they hand to the report: columns and rows, plots, lines of listings."""

import dataclasses

REGIMES = ("SB", "LB")
EPSILONS = {"eps1e-3": 1e-3, "eps5e-4": 5e-4}
EPSILON_LABELS = {"eps1e-3": "ε = 1e-3", "eps5e-4": "ε = 5e-4"}


@dataclasses.dataclass(frozen=True)
class Needs:
    """What an experiment needs on disk.

    Attributes:
        runs: `configuration.Run`s; one that starts from an iterate of another comes after it.
        measurements: Pairs of a `Run` and a `configuration.Sharpness`.
        paths: Triples of the SB `Run`, the LB `Run` and a `configuration.Path`.
        iterates: Pairs of a `Run` and the schedule by which its iterates are kept: k >= 1 for every k-th
            epoch, 0 for the powers of two and the last.
        iterate_measurements: Triples of a `Run`, a schedule and the `Sharpness` of x_0 and each of its iterates.
        steepness: Pairs of a `Run` and a `configuration.Steepness`.
    """

    runs: tuple
    measurements: tuple = ()
    paths: tuple = ()
    iterates: tuple = ()
    iterate_measurements: tuple = ()
    steepness: tuple = ()


@dataclasses.dataclass(frozen=True)
class Selection:
    """The runs that a table sets side by side: ADAM's in float32 from x_0, SB and LB.

    A "grid" run and one with another optimizer, in mixed precision or from a start of its own are in no
    selection.

    Attributes:
        small, large: Names of the remedies of the SB and of the LB runs; None for plain training.
    """

    small: str | None = None
    large: str | None = None

    def __contains__(self, run):
        remedy = run.remedy.NAME if run.remedy else None
        return ((run.regime, remedy) in (("SB", self.small), ("LB", self.large))
                and (run.optimizer, run.precision, run.start) == ("adam", "float32", None))


MAIN = Selection()


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of values, one for each trial.

    Attributes:
        name: Its name in paper_values.json.
        quantity: What SB and LB are compared in; the two columns of a comparison share it.
        regime: "SB" or "LB".
        kind: "accuracy" (in percent) or "sharpness" (Metric 2.1).
        training: What tells its runs from those of the other columns; "" if nothing does.
    """

    name: str
    quantity: str
    regime: str
    kind: str
    training: str = ""

    @property
    def heading(self):
        """Its heading."""
        return f"{self.quantity}, {' '.join(filter(None, (self.training, self.regime)))}"


@dataclasses.dataclass(frozen=True)
class Contrast:
    """The difference that a table is about, from the means of two columns.

    Attributes:
        name: Its name in files.
        quantity: That of the two columns.
        kind: "gap" for SB - LB, in points, or "ratio" for LB / SB.
    """

    name: str
    quantity: str
    kind: str

    @property
    def heading(self):
        """Its heading."""
        return f"{self.quantity}, " + ("SB − LB" if self.kind == "gap" else "LB / SB")


@dataclasses.dataclass(frozen=True)
class Row:
    """The values of one network under one configuration.

    Attributes:
        network, dataset: Their names.
        label: What tells this row from others of the same network and data set; "" if there is none.
        values: By the column's name, a float for each trial; a column without values may be absent.
        runs: By regime, the names of the runs behind the values.
    """

    network: str
    dataset: str
    label: str
    values: dict
    runs: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class ListingLine:
    """A line of a listing, which is a table of ours without values of the paper's.

    Attributes:
        cells: A text, a float or None for each heading.
        runs: Names of the runs behind it.
    """

    cells: tuple
    runs: tuple


@dataclasses.dataclass(frozen=True)
class Series:
    """A line of a panel.

    Attributes:
        label: Its entry in the legend.
        x, y: Floats, equally many.
        role: What its colour tells: "SB", "LB", "left" or "right" (a quantity of that axis) or "ink".
        dashed: Whether it is dashed (test) or solid (training).
        side: The axis it is read on: "left" or "right".
        marker: matplotlib's name of the marker at each point, or None.
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

    A scale asked to be logarithmic is linear all the same where a value is not positive.

    Attributes:
        x_label, left_label, right_label: Labels of the axes, with units; without `right_label` there is
            no right axis.
        series: `Series`, at least one on each axis.
        log_x, log_right: Whether these axes are logarithmic.
        log_left: The same; None where the values decide: if they span more than a factor of 50.
        marks: Pairs of an x and the regime whose minimizer lies there.
    """

    x_label: str
    left_label: str
    series: tuple
    right_label: str | None = None
    log_x: bool = False
    log_left: bool | None = None
    log_right: bool = False
    marks: tuple = ()


@dataclasses.dataclass(frozen=True)
class Plot:
    """One figure file: a panel, or several one below the other.

    Attributes:
        name: Stem of its files.
        title: One line above it.
        panels: `Panel`s from top to bottom; neighbours with the same x label share their x axis.
        runs: Names of the runs behind it.
    """

    name: str
    title: str
    panels: tuple
    runs: tuple = ()
