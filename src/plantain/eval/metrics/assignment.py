"""The best one-to-one assignment, without a solver's package."""

from __future__ import annotations

import numpy as np

from plantain._shapes import Float, Int


def assign(gain: Float[np.ndarray, "n m"]) -> tuple[Int[np.ndarray, "k"], Int[np.ndarray, "k"]]:
    """Rows and columns of the assignment of the largest total gain; k = min(n, m), rows in order.

    Source: the shortest augmenting paths of Jonker and Volgenant 1987, with potentials."""
    if gain.shape[0] > gain.shape[1]:
        columns, rows = assign(gain.T)
        order = np.argsort(rows)
        return rows[order], columns[order]
    n, m = gain.shape
    cost = -np.asarray(gain, float)
    left, right = np.zeros(n + 1), np.zeros(m + 1)
    owner = np.zeros(m + 1, int)  # the row of each column, counted from 1; column 0 is where a search begins
    for row in range(1, n + 1):
        _augment(row, cost, left, right, owner)
    columns = np.flatnonzero(owner[1:])
    rows = owner[1:][columns] - 1
    order = np.argsort(rows)
    return rows[order], columns[order]


def _augment(row: int, cost: np.ndarray, left: np.ndarray, right: np.ndarray, owner: np.ndarray) -> None:
    """Gives one more row a column, others moving where that is cheaper."""
    m = cost.shape[1]
    least, came, done = np.full(m + 1, np.inf), np.zeros(m + 1, int), np.zeros(m + 1, bool)
    owner[0], at = row, 0
    while owner[at]:
        done[at] = True
        here = cost[owner[at] - 1] - left[owner[at]] - right[1:]
        better = ~done[1:] & (here < least[1:])
        least[1:][better], came[1:][better] = here[better], at
        at_next = 1 + int(np.where(done[1:], np.inf, least[1:]).argmin())
        step = least[at_next]
        left[owner[done]] += step
        right[done] -= step
        least[~done] -= step
        at = at_next
    while at:
        owner[at] = owner[came[at]]
        at = came[at]
