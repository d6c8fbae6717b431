"""Eigenvalues, spectral density and trace of a symmetric operator that is known by its products alone."""

import dataclasses
import typing

import numpy as np
import scipy.linalg
import scipy.sparse.linalg

from replication.errors import MeasurementFailedError, is_whole, require

# ARPACK ends at residuals of this root of the rounding, relative to the operator's norm; the error of an eigenvalue far
# from the others is of the order of the square.
_ROOT = 0.5
# Lanczos steps after which the largest Ritz value stands for the norm.
_STEPS_FOR_NORM = 8
# A new direction shorter than this, relative to the largest entry of the tridiagonal matrix, is rounding.
_NEGLIGIBLE = 1e-12


@dataclasses.dataclass(frozen=True)
class Density:
    """The spectral density of a symmetric operator, as the point masses that stochastic Lanczos quadrature gives.

    Attributes:
        nodes: Places of the masses, eigenvalues of Lanczos's tridiagonal matrices, float64 [probes, steps].
        weights: The masses, float64 [probes, steps]; those of a probe add up to 1.
    """

    nodes: np.ndarray
    weights: np.ndarray

    def moment(self, power=1):
        """Returns the mean of lambda^power over the spectrum, and its standard error over the probes.

        It is exact for each probe up to the power 2 steps - 1.
        """
        found = np.sum(self.weights * self.nodes**power, axis=1)
        return float(found.mean()), _standard_error(found)

    def share_below(self, value):
        """Returns the share of the eigenvalues that are below a value, and its standard error over the probes."""
        found = np.sum(self.weights * (self.nodes < value), axis=1)
        return float(found.mean()), _standard_error(found)

    def smoothed(self, values, width):
        """Returns the density at `values` [m], the masses widened to normal distributions of a standard deviation.

        Args:
            values: Places, float64 [m].
            width: The standard deviation, a positive number.
        """
        distances = (np.asarray(values, np.float64)[:, None] - self.nodes.reshape(-1)) / width
        kernels = np.exp(-distances**2 / 2) / (width * np.sqrt(2 * np.pi))
        return kernels @ self.weights.reshape(-1) / len(self.weights)


class Trace(typing.NamedTuple):
    """An estimate of a trace: the value, and its standard error, NaN if a single probe decides it."""

    value: float
    standard_error: float


def extreme_eigenvalues(operator, k, *, seed=0):
    """Returns the k lowest and the k highest eigenvalues of a symmetric operator, by ARPACK's Lanczos iteration.

    The iteration ends at residuals that are small beside the norm of the operator, the square root of the rounding.
    Relative to the lowest eigenvalue itself, which near a minimizer is a thousandth of the norm or less, the residual
    would have to be smaller than the rounding of the products, and the iteration would not end. Each value is within
    the length of its residual H v - lambda v of an eigenvalue. Of a multiple eigenvalue, such as 0 where outputs do not
    depend on a direction, fewer copies may be found than there are; its neighbours stand in their places then.

    Args:
        operator: A `Hessian`, or another symmetric LinearOperator or matrix [n, n].
        k: Whole number of at least 1, with 2 k < n.
        seed: Seed of the starting vector, default 0.

    Returns:
        The eigenvalues in ascending order, float64 [2k], and their eigenvectors as columns, float64 [n, 2k].

    Raises:
        UserError: k is out of range.
        MeasurementFailedError: the iteration does not converge.
    """
    size = operator.shape[0]
    k = _python(k)
    require(is_whole(k, 1) and 2 * k < size, "k", k, f"a whole number from 1 to {(size - 1) // 2}, below half of n")
    generator = np.random.default_rng(seed)
    start, norm = generator.standard_normal(size), _norm(operator, generator)
    # ARPACK's tolerance is relative to each eigenvalue, and absolute below eps^(2/3): those of the shifted and scaled
    # operator are of the order of 1.
    shift = 2 * norm
    shifted = scipy.sparse.linalg.LinearOperator(
        operator.shape, matvec=lambda vector: operator @ vector / shift + vector, dtype=np.float64)
    tolerance = getattr(operator, "precision", np.finfo(np.float64).eps)**_ROOT
    try:
        values, vectors = scipy.sparse.linalg.eigsh(shifted, 2 * k, which="BE", v0=start, tol=tolerance)
    except scipy.sparse.linalg.ArpackNoConvergence as error:
        raise MeasurementFailedError(f"k={k}: only {len(error.eigenvalues)} of {2 * k} eigenvalues converged") from None
    order = np.argsort(values)
    return (values[order] - 1) * shift, vectors[:, order]


def density(operator, probes=10, steps=80, seed=0):
    """Estimates the spectral density of a symmetric operator by stochastic Lanczos quadrature (Ghorbani et al., 2019).

    Each probe is a random direction, from which Lanczos's iteration makes a tridiagonal matrix; every new direction is
    orthogonalized against all earlier ones, twice. This takes probes x steps products, and 8 n steps bytes.

    Args:
        operator: A symmetric LinearOperator or matrix [n, n].
        probes: Number of random directions, default 10.
        steps: Number of products for each, at most n, default 80.
        seed: Seed of the directions, default 0.

    Returns:
        A `Density`.

    Raises:
        UserError: a number is out of range.
    """
    size = operator.shape[0]
    probes, steps = _python(probes), _python(steps)
    require(is_whole(probes, 1), "probes", probes, "a whole number of at least 1")
    require(is_whole(steps, 1) and steps <= size, "steps", steps, f"a whole number from 1 to n={size}")
    nodes, weights = np.zeros((2, probes, steps))
    for probe in range(probes):
        diagonal, beside = _tridiagonal(operator, steps, np.random.default_rng((seed, probe)))
        found, vectors = scipy.linalg.eigh_tridiagonal(diagonal, beside)
        # An iteration that has ended early, in an invariant subspace, leaves masses of 0.
        nodes[probe, :len(found)], weights[probe, :len(found)] = found, vectors[0]**2
    return Density(nodes, weights)


def trace(operator, probes=30, seed=0):
    """Estimates the trace of a symmetric operator by Hutch++ (Meyer, Musco, Musco and Woodruff, 2021).

    A third of the products finds a subspace of large eigenvalues, a third takes the trace there, and a third estimates
    the rest by random signs.

    Args:
        operator: A symmetric LinearOperator or matrix [n, n].
        probes: Number of products, at least 3, default 30; the largest multiple of 3 up to it is used.
        seed: Seed of the random signs, default 0.

    Returns:
        A `Trace`.

    Raises:
        UserError: `probes` is out of range.
    """
    probes = _python(probes)
    require(is_whole(probes, 3), "probes", probes, "a whole number of at least 3")
    size, each = operator.shape[0], min(probes // 3, operator.shape[0])
    generator = np.random.default_rng(seed)
    sketch, signs = (generator.choice([-1.0, 1.0], size=(size, each)) for _ in range(2))
    basis = scipy.linalg.qr(_products(operator, sketch), mode="economic")[0]
    inside = np.sum(basis * _products(operator, basis))
    rest = signs - basis @ (basis.T @ signs)
    outside = np.sum(rest * _products(operator, rest), axis=0)
    return Trace(float(inside + outside.mean()), _standard_error(outside))


def _python(number):
    """Returns an integer of NumPy as Python's, and anything else as it is."""
    return int(number) if isinstance(number, np.integer) else number


def _norm(operator, generator):
    """Returns about the norm of a symmetric operator, a positive number."""
    steps = min(_STEPS_FOR_NORM, operator.shape[0])
    return float(np.max(np.abs(scipy.linalg.eigvalsh_tridiagonal(*_tridiagonal(operator, steps, generator))))) or 1.0


def _tridiagonal(operator, steps, generator):
    """Returns the diagonal and the entries beside it of Lanczos's matrix, of at most so many steps."""
    direction = generator.standard_normal(operator.shape[0])
    basis = np.empty((steps, len(direction)))
    diagonal, beside = [], []
    length = np.linalg.norm(direction)
    for step in range(steps):
        basis[step] = direction / length
        known = basis[:step + 1]
        direction = operator @ known[-1]
        diagonal.append(float(known[-1] @ direction))
        for _ in range(2):
            direction = direction - known.T @ (known @ direction)
        length = float(np.linalg.norm(direction))
        if step + 1 == steps or length <= _NEGLIGIBLE * max(map(abs, (*diagonal, *beside))):
            break
        beside.append(length)
    return np.array(diagonal), np.array(beside)


def _products(operator, columns):
    return np.stack([operator @ column for column in columns.T], axis=1)


def _standard_error(values):
    return float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")
