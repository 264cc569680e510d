"""The sign-flip test against enumeration by hand and against SciPy; whole comparisons are in test_run.py."""

from __future__ import annotations

import numpy as np
import pytest

from plantain.errors import UsageError
from plantain.eval.compare import holm, pair_runs, sign_flip


def test_exact_p_by_hand() -> None:
    assert sign_flip(np.array([1.0, 2.0, 3.0])) == 2 / 8
    assert sign_flip(np.array([1.0, -1.0])) == 1.0
    assert sign_flip(np.array([0.1, 0.2, 0.3, 0.4, -0.1])) == pytest.approx(6 / 32)  # sums of .9 and more: 3 either way


def test_p_of_many_agrees_with_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    gaps = np.random.default_rng(0).normal(0.15, 1, 80)
    theirs = stats.permutation_test((gaps,), np.mean, permutation_type="samples", n_resamples=10_000)
    assert sign_flip(gaps) == pytest.approx(theirs.pvalue, abs=0.02)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == [0.03, 0.06, 0.06]  # 3 x .01, then 2 x .03, then never less than before
    assert holm([0.5, 0.9]) == [1.0, 1.0] and holm([]) == []


def test_folders_of_runs_are_paired_by_name(tmp_path):
    for place in ("a/x", "a/y", "b/x", "b/z"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "run.json").write_text("{}")
    assert pair_runs(tmp_path / "a", tmp_path / "b") == [(tmp_path / "a/x", tmp_path / "b/x")]
    assert pair_runs(tmp_path / "a/x", tmp_path / "b/z") == [(tmp_path / "a/x", tmp_path / "b/z")]
    with pytest.raises(UsageError, match="no runs of one name"):
        pair_runs(tmp_path / "a", tmp_path)
