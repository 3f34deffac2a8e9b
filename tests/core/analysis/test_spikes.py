"""Jumps of the loss that were planted, and noise that is none."""

import numpy as np
import pytest

from core.analysis.spikes import spikes


def test_planted_jumps_are_found() -> None:
    rng = np.random.default_rng(3)
    rows = np.arange(400)
    loss = 1.5 + 3 * np.exp(-rows / 60) + 0.02 * rng.normal(size=400)
    loss[150:153] += [0.5, 1.0, 0.4]
    loss[300] += 0.6
    found = spikes(loss, rows * 10)
    assert found.steps.tolist() == [1500, 3000]
    assert found.heights == pytest.approx([1.0, 0.6], abs=0.15)


def test_falling_and_noisy_losses_do_not_jump() -> None:
    rng = np.random.default_rng(4)
    rows = np.arange(1000)
    assert len(spikes(2 + 0.1 * rng.normal(size=1000), rows).steps) <= 2
    assert len(spikes(4 * np.exp(-rows / 500), rows).steps) == 0
    assert len(spikes(np.ones(1000), rows).steps) == 0


def test_a_new_level_is_one_jump() -> None:
    loss = 1 + 0.01 * np.random.default_rng(5).normal(size=200)
    loss[100:] += 1
    assert spikes(loss, np.arange(200)).steps.tolist() == [100]


def test_a_short_record_has_no_jumps() -> None:
    for rows in (0, 1, 5):
        assert len(spikes(np.arange(rows), np.arange(rows)).steps) == 0
    assert len(spikes([np.nan] * 20, np.arange(20)).steps) == 0


def test_what_never_jumped_is_said_in_words() -> None:
    assert spikes(np.ones(100), np.arange(100)).reading.shows == "The training loss never jumped."
