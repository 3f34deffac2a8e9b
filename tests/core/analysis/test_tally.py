"""Counting by label and expert, several labels in one pass, against counting one token at a time."""

import numpy as np
import pytest

from core.analysis import tally
from core.analysis.tally import taken


@pytest.mark.parametrize("cells", [1, 200, 1 << 16])
@pytest.mark.parametrize("k", [0, 1, 3])
def test_labels_counted_together_have_the_counts_of_each_alone(
    cells: int, k: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tally, "CELLS", cells)
    rng = np.random.default_rng(0)
    T, E = 300, 5
    expert_TK = rng.integers(-1, E, (T, k))
    accepted_TK = rng.random((T, k)) < 0.7
    labels = [(rng.integers(0, groups, T), groups) for groups in (4, 1, 7, 3)]
    found = tally.tally(labels, taken(expert_TK, accepted_TK, E), E)
    assert [counts.shape for counts in found] == [(4, E), (1, E), (7, E), (3, E)]
    for (label_T, groups), counts_GE in zip(labels, found, strict=True):
        one_by_one = np.zeros((groups, E), int)
        for t, choice in zip(*np.nonzero(accepted_TK & (expert_TK >= 0)), strict=True):
            one_by_one[label_T[t], expert_TK[t, choice]] += 1
        np.testing.assert_array_equal(counts_GE, one_by_one)
