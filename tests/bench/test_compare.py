"""The sign-flip test against enumeration by hand and against SciPy; whole comparisons are in test_run.py."""

from __future__ import annotations

import numpy as np
import pytest

from plantain.bench.compare import sign_flip


def test_exact_p_by_hand() -> None:
    assert sign_flip(np.array([1.0, 2.0, 3.0])) == 2 / 8
    assert sign_flip(np.array([1.0, -1.0])) == 1.0
    assert sign_flip(np.array([0.1, 0.2, 0.3, 0.4, -0.1])) == pytest.approx(6 / 32)  # sums of .9 and more: 3 either way


def test_p_of_many_agrees_with_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    gaps = np.random.default_rng(0).normal(0.15, 1, 80)
    theirs = stats.permutation_test((gaps,), np.mean, permutation_type="samples", n_resamples=10_000)
    assert sign_flip(gaps) == pytest.approx(theirs.pvalue, abs=0.02)
