"""Kernel logistic regression from features to every bit of a code."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, optimize
from scipy.special import expit

from crossmodal_hash.closed_forms._reduce import Matrix


def objective(
    parameters: NDArray[np.float64], phi: Matrix, codes: Matrix, penalty: float
) -> tuple[float, NDArray[np.float64]]:
    """Sum over items and bits of softplus(-h (phi a + b)) + penalty |a|^2, and its gradient.

    Args:
        parameters: a (m, K), then b (K,), flat.
        phi: (N, m).
        codes: h, (N, K) in {-1, 1}.
        penalty: >= 0.
    """
    a, b = parameters[: -codes.shape[1]].reshape(phi.shape[1], -1), parameters[-codes.shape[1] :]
    margins = codes * (phi @ a + b)
    pull = -codes * expit(-margins)
    gradient = np.concatenate([(phi.T @ pull + 2 * penalty * a).ravel(), pull.sum(0)])
    return float(np.logaddexp(0, -margins).sum() + penalty * (a**2).sum()), gradient


def kernel_logistic(
    kernel: Matrix, own: Matrix, codes: Matrix, *, penalty: float = 0.01, iterations: int = 300
) -> tuple[Matrix, NDArray[np.float64]]:
    """Weights w (m, K) and offsets b (K,): for each bit the minimum of sum softplus(-h (k w + b)) + penalty w^T K0 w.

    All bits are one problem for L-BFGS: they are independent, and share the products. In the coordinates a = L^T w
    with K0 = L L^T the penalty is a plain square, which takes many times fewer steps than w itself.

    Args:
        kernel: of items and anchors, (N, m).
        own: K0, of the anchors with each other, (m, m).
        codes: h, (N, K) in {-1, 1}.
        penalty: the paper's 0.01.
        iterations: largest number for L-BFGS; a bit that is the same for all items has no finite optimum.
    """
    ridge = 1e-8 * np.trace(own) / len(own)
    lower = linalg.cholesky(own + ridge * np.eye(len(own)), lower=True)
    phi = np.ascontiguousarray(linalg.solve_triangular(lower, kernel.T, lower=True).T)
    start = np.zeros((phi.shape[1] + 1) * codes.shape[1])
    found = optimize.minimize(
        objective, start, (phi, codes, penalty), "L-BFGS-B", jac=True, options={"maxiter": iterations}
    ).x
    a, b = found[: -codes.shape[1]].reshape(phi.shape[1], -1), found[-codes.shape[1] :]
    return np.asarray(linalg.solve_triangular(lower.T, a, lower=False)), b
