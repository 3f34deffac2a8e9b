"""Births and deaths of experts that were planted."""

import numpy as np

from core.analysis.lifetimes import Change, lifetimes

STEPS = np.arange(10) * 100


def test_births_and_deaths_that_were_planted() -> None:
    load = np.full((10, 4), 100)
    load[4:, 1] = 0
    load[:6, 2] = 1
    load[5, 3] = 0
    found = lifetimes(load, STEPS)
    assert found.changes == (Change(400, 1, False), Change(600, 2, True))
    assert found.awake_SE[:, 1].tolist() == [True] * 4 + [False] * 6
    assert found.awake_SE[:, 2].tolist() == [False] * 6 + [True] * 4
    assert found.awake_SE[:, 3].all()
    assert "1 expert of 4 asleep at the end; 1 woke up and 1 fell asleep" in found.reading.shows


def test_a_change_must_last() -> None:
    load = np.full((10, 2), 100)
    load[[2, 3, 6, 7], 0] = 0
    assert lifetimes(load, STEPS).changes == ()
    assert len(lifetimes(load, STEPS, hold=2).changes) == 4


def test_rows_without_tokens_change_nothing() -> None:
    load = np.full((10, 2), 100)
    load[3:7] = 0
    assert lifetimes(load, STEPS).changes == ()
    assert lifetimes(np.zeros((3, 2)), STEPS[:3]).awake_SE.all()
