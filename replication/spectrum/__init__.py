"""The spectrum of the Hessian of f, which the paper speaks of and never measures.

    H = hessian(model, inputs, labels)
    values, vectors = extreme_eigenvalues(H, 5)
    nodes_and_weights = density(H, probes=10, steps=80, seed=0)
    value, standard_error = trace(H, probes=30, seed=0)

H is a SciPy LinearOperator, so that all of `scipy.sparse.linalg` works on it. The other functions take any symmetric
LinearOperator.
"""

from replication.spectrum.estimates import Density, Trace, density, extreme_eigenvalues, trace
from replication.spectrum.hessian import Hessian, hessian

__all__ = ["Density", "Hessian", "Trace", "density", "extreme_eigenvalues", "hessian", "trace"]
