"""Eigenvalues, density and trace of operators whose spectrum is known."""

import numpy as np
import pytest
import scipy.sparse.linalg

from replication.errors import MeasurementFailedError, UserError
from replication.spectrum import density, extreme_eigenvalues, trace

SIZE = 200


@pytest.fixture(scope="module")
def known():
    """A bulk of small eigenvalues of both signs and a few large ones, as a Hessian has."""
    return np.concatenate([np.linspace(-1, 1, SIZE - 5), [5.0, 8.0, 13.0, 21.0, 34.0]])


@pytest.fixture(scope="module")
def matrix(known):
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(SIZE, SIZE)))[0]
    return (basis * known) @ basis.T


def test_extreme_eigenvalues_of_a_matrix_and_of_an_operator(matrix, known):
    values, vectors = extreme_eigenvalues(matrix, 3)
    assert values == pytest.approx([-1, known[1], known[2], 13, 21, 34], abs=1e-6)
    assert np.abs(matrix @ vectors - vectors * values).max() < 1e-5
    again, _ = extreme_eigenvalues(scipy.sparse.linalg.aslinearoperator(matrix), 3)
    assert again == pytest.approx(values, abs=1e-6)


def test_a_lowest_eigenvalue_as_large_as_the_norm_is_found():
    operator = scipy.sparse.linalg.aslinearoperator(scipy.sparse.diags_array(np.linspace(-10.0, 1.0, 200)))
    assert extreme_eigenvalues(operator, 1)[0] == pytest.approx([-10.0, 1.0], rel=1e-6)


@pytest.mark.parametrize("scale", [1e-20, 1e20])
def test_the_scale_of_an_operator_does_not_matter(matrix, known, scale):
    """ARPACK calls residuals below an absolute size converged."""
    values, _ = extreme_eigenvalues(scale * matrix, 3)
    assert values / scale == pytest.approx([*known[:3], *known[-3:]], rel=1e-6)


def test_lowest_eigenvalues_near_0_do_not_keep_the_iteration_going():
    """As near a minimizer: the lowest eigenvalue is of the order of the rounding. ARPACK alone takes above 3,000."""
    known, noise, products = np.zeros(5000), np.random.default_rng(1), []
    known[:400], known[400:800] = 100 * 0.97**np.arange(400), -0.01 * 0.99**np.arange(400)

    def product(vector):
        products.append(1)
        return known * vector + 1e-4 * np.linalg.norm(vector) * noise.standard_normal(5000) / np.sqrt(5000)

    operator = scipy.sparse.linalg.LinearOperator((5000, 5000), matvec=product, dtype=np.float64)
    operator.precision = 1e-7
    values, vectors = extreme_eigenvalues(operator, 2)
    assert values[2:] == pytest.approx([97, 100], rel=1e-6) and len(products) < 400
    residuals = np.linalg.norm(known[:, None] * vectors - vectors * values, axis=0)
    assert residuals.max() < 100 * 1e-7**0.5 and np.abs(values[:2] + 0.01).max() < residuals.max() + 0.01


def test_a_density_has_the_moments_of_the_spectrum(matrix, known):
    """Within three standard errors of many directions, and for each exactly those of the direction."""
    found = density(matrix, probes=500, steps=4)
    assert found.nodes.shape == found.weights.shape == (500, 4)
    assert found.weights.sum(axis=1) == pytest.approx(np.ones(500))
    for power in (1, 2, 3):
        mean, error = found.moment(power)
        assert abs(mean - np.mean(known**power)) <= 3 * error
    direction = np.random.default_rng((0, 0)).standard_normal(SIZE)
    direction /= np.linalg.norm(direction)
    for power in range(1, 8):
        exact = direction @ np.linalg.matrix_power(matrix, power) @ direction
        assert np.sum(found.weights[0] * found.nodes[0]**power) == pytest.approx(exact, rel=1e-9)


def test_with_as_many_steps_as_eigenvalues_the_nodes_are_the_spectrum(matrix, known):
    """Full reorthogonalization: without it, converged eigenvalues come again and others are missing."""
    found = density(matrix, probes=1, steps=SIZE)
    assert np.abs(np.sort(found.nodes[0]) - np.sort(known)).max() < 1e-8


def test_a_density_of_few_eigenvalues_ends_early():
    found = density(np.diag([2.0, 2.0, 2.0, -1.0]), probes=3, steps=4)
    masses = {round(float(node), 9) for node, weight in zip(found.nodes.ravel(), found.weights.ravel()) if weight}
    assert masses == {2.0, -1.0} and found.weights.sum(axis=1) == pytest.approx(np.ones(3))
    share, error = density(np.diag([2.0, 2.0, 2.0, -1.0]), probes=200, steps=4).share_below(0)
    assert abs(share - 0.25) <= 3 * error < 0.1


def test_a_smoothed_density_is_a_density(matrix):
    found = density(matrix, probes=4, steps=20)
    values = np.linspace(-10, 50, 6001)
    smoothed = found.smoothed(values, 0.2)
    assert np.trapezoid(smoothed, values) == pytest.approx(1, abs=1e-6)
    assert values[np.argmax(smoothed)] == pytest.approx(0, abs=1.2)


def test_hutch_plus_plus_is_exact_for_a_low_rank_and_near_for_others(matrix, known):
    """A third of the products spans the whole range of a matrix of that rank."""
    factor = np.random.default_rng(1).normal(size=(SIZE, 10))
    found = trace(factor @ np.diag([3.0, -2.0] * 5) @ factor.T, probes=30)
    exact = np.trace(factor @ np.diag([3.0, -2.0] * 5) @ factor.T)
    assert found.value == pytest.approx(exact, rel=1e-9) and found.standard_error < 1e-6 * abs(exact)
    errors = [(each.value - known.sum()) / each.standard_error
              for each in (trace(matrix, probes=60, seed=seed) for seed in range(20))]
    assert np.abs(errors).max() < 4.5 and abs(np.mean(errors)) < 1
    # The standard error is neither too small nor too large.
    assert 0.5 < np.std(errors) < 2
    plain = [np.mean([v @ matrix @ v for v in np.random.default_rng(seed).choice([-1.0, 1.0], (60, SIZE))])
             for seed in range(20)]
    better = [trace(matrix, probes=60, seed=seed).value for seed in range(20)]
    assert np.std(better) < 0.5 * np.std(plain)
    assert np.isnan(trace(matrix, probes=3).standard_error)


@pytest.mark.parametrize("call, message", [
    (lambda a: extreme_eigenvalues(a, 0), "k=0: expected a whole number from 1 to 99"),
    (lambda a: extreme_eigenvalues(a, 100), "k=100: expected a whole number from 1 to 99"),
    (lambda a: density(a, 0, 3), "probes=0"), (lambda a: density(a, 1, 201), "steps=201.*1 to n=200"),
    (lambda a: trace(a, 2), "probes=2: expected a whole number of at least 3")])
def test_numbers_out_of_range_are_refused(matrix, call, message):
    with pytest.raises(UserError, match=message):
        call(matrix)


def test_an_iteration_that_does_not_converge_is_told(matrix, monkeypatch):
    def fail(*args, **options):
        raise scipy.sparse.linalg.ArpackNoConvergence("no", np.zeros(1), np.zeros((SIZE, 1)))

    monkeypatch.setattr(scipy.sparse.linalg, "eigsh", fail)
    with pytest.raises(MeasurementFailedError, match="k=2: only 1 of 4 eigenvalues converged"):
        extreme_eigenvalues(matrix, 2)
