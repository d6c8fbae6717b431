"""The spaces of Metric 2.1: the full one, and the random subspace of table 4, whose matrix need not be stored."""

import concurrent.futures
import functools

import numpy as np
import scipy.linalg
import scipy.sparse.linalg

from replication.configuration.measurements.sharpness import SUBSPACE_BUDGET
from replication.errors import UserError
from replication.machine import threads

# A block in float64 fits a processor's cache: 1 MiB. Larger ones take ten times as long.
_BLOCK_ENTRIES = 2**17


class RandomSubspace(scipy.sparse.linalg.LinearOperator):
    """A in R^{n x p} with independent random entries, as a SciPy LinearOperator.

    Rows come in blocks, each from a generator of its own, which `seed` and the number of the block decide. If storing A
    would take more than `budget` bytes, the blocks are drawn again in each product; the matrix is the same either way.
    Entries are drawn in float32, products are float64.

    Args:
        n, p: The shape, 1 <= p <= n.
        distribution: "normal", N(0, 1) (default), or "uniform" on [-1, 1].
        seed: Whole number that decides every entry.
        budget: Bytes that may be spent on storing A, default 1 GiB.

    Raises:
        ValueError: p is not in 1 ... n, or the distribution is unknown.
    """

    def __init__(self, n, p, *, distribution="normal", seed=0, budget=SUBSPACE_BUDGET):
        if not 1 <= p <= n:
            raise ValueError(f"subspace_dim={p}: expected a whole number from 1 to n={n}")
        if distribution not in ("normal", "uniform"):
            raise ValueError(f"subspace_distribution={distribution!r}: expected 'normal' or 'uniform'")
        super().__init__(dtype=np.float64, shape=(n, p))
        self._distribution = distribution
        self._seed = seed
        self._starts = range(0, n, max(1, _BLOCK_ENTRIES // p))
        self._stored = None
        if 4 * n * p <= budget:
            self._stored = list(self._parallel(self._draw))

    def pseudo_inverse(self, x):
        """Returns A+ x, float64 [p], solved from the p x p Gram matrix; x is float64 [n]."""
        return scipy.linalg.cho_solve(self._gram_factor, self.rmatvec(x))

    @functools.cached_property
    def _gram_factor(self):
        # The blocks follow one another here, because this product uses threads of its own.
        gram = sum(rows.T @ rows for rows in map(self._rows, range(len(self._starts))))
        return scipy.linalg.cho_factor(gram)

    def _matvec(self, y):
        y = np.ravel(y)
        return np.concatenate(list(self._parallel(lambda block: self._rows(block) @ y)))

    def _rmatvec(self, x):
        x = np.ravel(x)
        return sum(self._parallel(lambda block: x[self._span(block)] @ self._rows(block)))

    def _rows(self, block):
        rows = self._draw(block) if self._stored is None else self._stored[block]
        return rows.astype(np.float64)

    def _draw(self, block):
        span = self._span(block)
        generator = np.random.Generator(np.random.SFC64(np.random.SeedSequence((self._seed, block))))
        shape = (span.stop - span.start, self.shape[1])
        if self._distribution == "normal":
            return generator.standard_normal(shape, dtype=np.float32)
        return 2 * generator.random(shape, dtype=np.float32) - 1

    def _span(self, block):
        start = self._starts[block]
        return slice(start, min(start + self._starts.step, self.shape[0]))

    def _parallel(self, function):
        # NumPy releases the interpreter's lock while it draws and multiplies. Results come in the
        # order of the blocks, so sums do not depend on the number of threads.
        with concurrent.futures.ThreadPoolExecutor(threads()) as pool:
            yield from pool.map(function, range(len(self._starts)))


class FullSpace:
    """The full space, A = I: y itself is added to x.

    Attributes:
        coordinates: A+ x, float64 [n].
    """

    def __init__(self, x):
        self.coordinates = x

    def step(self, y):
        """Returns A y, float64 [n], for y float64 [n]."""
        return y

    def pull_back(self, gradient):
        """Returns A' g, float64 [n], for a gradient g float64 [n]."""
        return gradient


class Subspace:
    """The subspace of the points x + A y for a `RandomSubspace` A.

    Attributes:
        coordinates: A+ x, float64 [p].
    """

    def __init__(self, x, operator):
        self._operator = operator
        self.coordinates = operator.pseudo_inverse(x)

    def step(self, y):
        """Returns A y, float64 [n], for y float64 [p]."""
        return self._operator.matvec(y)

    def pull_back(self, gradient):
        """Returns A' g, float64 [p], for a gradient g float64 [n]."""
        return self._operator.rmatvec(gradient)


class Part:
    """Some consecutive coordinates of x, or a space around them, with the others fixed.

    Args:
        inner: The space around these coordinates.
        part: The coordinates, a slice.
        size: n.

    Attributes:
        coordinates: The coordinates of the inner space.
    """

    def __init__(self, inner, part, size):
        self._inner, self._part, self._size = inner, part, size
        self.coordinates = inner.coordinates

    def step(self, y):
        """Returns the step of the inner space, with 0 in the fixed coordinates, float64 [n]."""
        result = np.zeros(self._size)
        result[self._part] = self._inner.step(y)
        return result

    def pull_back(self, gradient):
        """Returns the inner space's pull-back of a gradient g float64 [n]."""
        return self._inner.pull_back(gradient[self._part])


def space(x, subspace_dim, *, distribution="normal", seed=0, part=None):
    """Returns the space around x, float64 [n], in which a measurement looks for the maximum.

    Args:
        x: Weights, float64 [n].
        subspace_dim: p, the dimension of a `RandomSubspace`, or 0 for the full space.
        distribution, seed: See `RandomSubspace`.
        part: The coordinates that are not fixed, a slice; None (default) for all.

    Raises:
        UserError: p is above n.
    """
    if part is not None:
        return Part(space(x[part], subspace_dim, distribution=distribution, seed=seed), part, len(x))
    if not subspace_dim:
        return FullSpace(x)
    if subspace_dim > len(x):
        raise UserError(f"subspace_dim={subspace_dim}: expected at most n={len(x)}, the number of trainable weights")
    return Subspace(x, _random_subspace(len(x), subspace_dim, distribution, seed))


# Cached for the next measurement: both epsilons, and SB and LB of a trial, share one A.
@functools.lru_cache(maxsize=1)
def _random_subspace(n, p, distribution, seed):
    return RandomSubspace(n, p, distribution=distribution, seed=seed)
