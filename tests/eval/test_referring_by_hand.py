"""Figures of masks for phrases, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from plantain.eval.metrics.referring import Referring


def test_means_sums_and_shares_above_a_level():
    """Masks with 95, 75 and 40 of 100 pixels, and one that rightly shows nothing."""
    metric, rows = Referring(), []
    for count in (95, 75, 40):
        pred, truth = np.zeros((10, 10), bool), np.ones((10, 10), np.uint8)
        pred.ravel()[:count] = True
        rows.append(metric.measure(pred, truth))
    rows.append(metric.measure(np.zeros((10, 10), bool), np.zeros((10, 10), np.uint8)))
    found = metric.reduce(rows)
    assert found["iou"] == pytest.approx((0.95 + 0.75 + 0.4 + 1) / 4)
    assert found["giou"] == pytest.approx((0.95 + 0.75 + 0.4 + 1) / 4, abs=1e-5)
    assert found["ciou"] == pytest.approx(210 / 300)
    shares = {0.5: 3, 0.6: 3, 0.7: 3, 0.8: 2, 0.9: 2}
    assert {level: found[f"precision@{level}"] for level in shares} == {k: n / 4 for k, n in shares.items()}
