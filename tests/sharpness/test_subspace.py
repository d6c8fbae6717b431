"""The random subspace operator against dense NumPy."""

import numpy as np
import pytest
import scipy.sparse.linalg

from replication.sharpness import subspace
from replication.sharpness.subspace import RandomSubspace

BLOCK_ENTRIES = subspace._BLOCK_ENTRIES


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(subspace, "_BLOCK_ENTRIES", 64)


def _dense(operator):
    return operator @ np.eye(operator.shape[1])


@pytest.mark.parametrize("budget", [0, 2**30])
@pytest.mark.parametrize("distribution", ["normal", "uniform"])
@pytest.mark.parametrize("n, p", [(50, 1), (57, 8), (150, 70), (9, 9)])
def test_products_agree_with_dense(n, p, distribution, budget):
    operator = RandomSubspace(n, p, distribution=distribution, seed=3, budget=budget)
    dense = _dense(operator)
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=n), generator.normal(size=p)
    assert dense.shape == (n, p)
    assert operator @ y == pytest.approx(dense @ y, rel=1e-12)
    assert operator.T @ x == pytest.approx(dense.T @ x, rel=1e-10, abs=1e-12)
    assert operator.pseudo_inverse(x) == pytest.approx(np.linalg.pinv(dense) @ x, rel=1e-6, abs=1e-9)


def test_matrix_does_not_depend_on_storing_it():
    stored, drawn = (RandomSubspace(500, 20, seed=1, budget=b) for b in (2**30, 0))
    assert np.array_equal(_dense(stored), _dense(drawn))


def test_seed_decides_the_matrix():
    a, b, c = (_dense(RandomSubspace(100, 5, seed=s)) for s in (1, 1, 2))
    assert np.array_equal(a, b)
    assert not np.any(a == c)


def test_distributions():
    normal = _dense(RandomSubspace(4000, 10, seed=0))
    uniform = _dense(RandomSubspace(4000, 10, distribution="uniform", seed=0))
    assert (normal.mean(), normal.std()) == pytest.approx((0, 1), abs=0.02)
    assert (uniform.mean(), uniform.std()) == pytest.approx((0, 3**-0.5), abs=0.02)
    assert np.abs(uniform).max() <= 1 < np.abs(normal).max()
    assert np.abs(np.corrcoef(normal, rowvar=False) - np.eye(10)).max() < 0.08


def test_is_a_scipy_operator():
    operator = RandomSubspace(60, 4, seed=0)
    solution = scipy.sparse.linalg.lsqr(operator, operator @ np.arange(4.0))[0]
    assert solution == pytest.approx(np.arange(4.0), abs=1e-6)


@pytest.mark.parametrize("p", [0, -1, 11])
def test_impossible_dimension_is_named(p):
    with pytest.raises(ValueError, match=f"subspace_dim={p}"):
        RandomSubspace(10, p)


def test_the_matrix_of_a_seed_is_that_of_the_records(monkeypatch):
    """Blocks of 2^17 entries, each from a generator that the seed and its number decide."""
    monkeypatch.setattr(subspace, "_BLOCK_ENTRIES", BLOCK_ENTRIES)
    n, rows = 150_000, 2**17 // 2
    columns = RandomSubspace(n, 2, seed=5) @ np.eye(2)
    for block, start in enumerate(range(0, n, rows)):
        generator = np.random.Generator(np.random.SFC64(np.random.SeedSequence((5, block))))
        expected = generator.standard_normal((min(rows, n - start), 2), dtype=np.float32)
        assert np.array_equal(columns[start:start + rows], expected)
