"""The box C_eps of Metric 2.1."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Box:
    """{ y in R^p : |y_i| <= half_widths_i }.

    Attributes:
        half_widths: Positive numbers, float64 [p].
    """

    half_widths: np.ndarray

    @classmethod
    def around(cls, coordinates, epsilon):
        """C_eps around A+ x = `coordinates` [p]; in the full space that is x itself."""
        return cls(epsilon * (np.abs(coordinates) + 1))

    def random_point(self, generator):
        """A uniformly distributed point of the box, float64 [p], drawn from a NumPy `Generator`."""
        return generator.uniform(-self.half_widths, self.half_widths)

    def random_corner(self, generator):
        """A corner of the box with equally probable signs, float64 [p], drawn from a NumPy `Generator`."""
        return self.half_widths * (2 * generator.integers(2, size=len(self.half_widths), dtype=np.int8) - 1)

    def corner(self, direction):
        """The corner that a linear function with gradient `direction` [p] is largest at.

        Where the direction is 0 every choice is as good, and +half_width is taken.
        """
        return np.where(direction < 0, -self.half_widths, self.half_widths)

    def share_at_bound(self, y):
        """The share of coordinates of `y` [p] that lie on the box's boundary, in [0, 1]."""
        return float(np.mean(np.abs(y) >= self.half_widths))
