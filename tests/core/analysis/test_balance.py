"""Balance over training by hand, and what chance alone shows."""

import numpy as np
import pytest

from core.analysis.balance import balance

STEPS = np.arange(10) * 100
UNEVEN = "Unevenness of the load (CV, 0 is even)"


def test_balance_by_hand() -> None:
    found = balance([[8, 0, 0, 0], [4, 4, 0, 0], [2, 2, 2, 2], [0, 0, 0, 0]], STEPS[:4])
    assert found.cv_S.tolist() == [np.sqrt(3), 1, 0, 0]
    assert found.max_violation_S.tolist() == [3, 1, 0, 0]
    assert found.dead_S.tolist() == [3, 2, 0, 4]
    assert found.chance_cv_S.tolist() == pytest.approx([np.sqrt(3 / 8)] * 3 + [0])


def test_chance_is_what_even_routing_at_random_shows() -> None:
    load = np.random.default_rng(0).multinomial(4000, np.full(16, 1 / 16), 200)
    found = balance(load, np.arange(200))
    assert found.cv_S.mean() == pytest.approx(found.chance_cv_S[0], rel=0.05)


def test_what_did_not_move_is_said_not_to_have_moved() -> None:
    assert balance([[3, 1], [1, 3]], STEPS[:2]).reading.shows.startswith(f"{UNEVEN} ends where")
    assert balance([[3, 1]], STEPS[:1]).reading.shows.startswith(f"{UNEVEN} is 0.500")
    assert balance([[3, 1], [2, 2]], STEPS[:2]).reading.shows.startswith(f"{UNEVEN} went from 0.500 to 0")
