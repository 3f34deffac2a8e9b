"""Placement on planted blocks, and traffic by hand."""

import numpy as np
import pytest

from core.analysis.errors import AnalysisError
from core.analysis.placement import in_order, placement
from tests.core.analysis.planted import planted, soft_only

T, E = 2000, 8


def blocks(devices: int, layers: int, k: int, seed: int = 0) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Every token keeps to one block of experts in all layers; blocks are scattered over the indices."""
    rng = np.random.default_rng(seed)
    block_T = rng.integers(0, devices, T)
    block_of = [rng.permutation(in_order(E, devices)) for _ in range(layers)]
    choices = [
        np.where(block_T[:, None] == block_E, rng.random((T, E)), -1).argsort(axis=1)[:, -k:]
        for block_E in block_of
    ]
    return choices, block_of


@pytest.mark.parametrize("devices", [2, 4])
@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("seed", range(4))
def test_planted_blocks_cost_no_traffic(devices: int, k: int, seed: int) -> None:
    choices, block_of = blocks(devices, 3, k, seed)
    found = placement(planted(E, choices), devices)
    assert found.after.sent == found.fitted.sent == 0
    assert found.before.sent > 0.5
    assert found.random.sent > 0.5
    for place_E, block_E in zip(found.device_LE, block_of, strict=True):
        assert len(set(zip(place_E.tolist(), block_E.tolist(), strict=True))) == devices
        assert np.bincount(place_E).tolist() == [E // devices] * devices
    assert "100 % less" in found.reading.shows


def test_a_random_routing_gains_nothing_on_examples_it_was_not_fitted_on() -> None:
    rng = np.random.default_rng(5)
    choices = [rng.random((T, E)).argsort(axis=1)[:, :2] for _ in range(2)]
    found = placement(planted(E, choices), 4)
    assert found.after.sent == pytest.approx(found.random.sent, rel=0.05)
    assert found.fitted.sent < found.after.sent


def test_traffic_by_hand() -> None:
    # Devices: experts 0, 1 on the first, 2, 3 on the second. Two examples of the same two tokens.
    one = np.array([[0, 2], [2, 3]] * 2)
    two = np.array([[1, 0], [0, 1]] * 2)
    weight = [np.tile(np.array([0.7, 0.3], np.float16), (4, 1))] * 2
    found = placement(planted(4, [one, two], length=2, weight=weight), 2)
    # Token 1: out to device 2 and back; then both experts where it is. Token 2: stays; then out, one vector.
    assert (found.before.out, found.before.back) == (1.0, 0.5)
    assert found.before.uneven == 5 / 4
    # The lighter expert may be the heavier: the token then waits on the other device.
    turned = [weight[0][:, ::-1].copy(), weight[1]]
    found = placement(planted(4, [one, two], length=2, weight=turned), 2)
    assert (found.before.out, found.before.back) == (1.5, 0.5)


def test_dropped_choices_send_nothing_and_a_token_nobody_took_stays() -> None:
    one, two = np.array([[0, 2]] * 8), np.array([[0, 2]] * 8)
    accepted = np.array([[True, False]] * 8)
    found = placement(planted(4, [one, two], length=2, accepted=[accepted, accepted]), 2)
    assert found.before.sent == 0
    none = np.zeros((8, 2), bool)
    other = np.array([[False, True]] * 8)
    found = placement(planted(4, [one, two, one], length=2, accepted=[accepted, none, other]), 2)
    assert (found.before.out, found.before.back) == (1.0, 0.0)


def test_uneven_numbers_of_experts_are_shared_out_up_to_one() -> None:
    assert in_order(7, 3).tolist() == [0, 0, 0, 1, 1, 2, 2]
    rng = np.random.default_rng(6)
    found = placement(planted(7, [rng.random((T, 7)).argsort(axis=1)[:, :2]]), 3)
    assert sorted(np.bincount(found.device_LE[0]).tolist()) == [2, 2, 3]


def test_what_cannot_be_placed_is_refused() -> None:
    choices, _ = blocks(2, 1, 1)
    for devices in (1, 9):
        with pytest.raises(AnalysisError, match=r"choose 2 to 8 devices"):
            placement(planted(E, choices), devices)
    with pytest.raises(AnalysisError, match=r"No layer.*To fix this"):
        placement(soft_only(), 2)


def test_a_layer_without_choices_sends_nothing_and_a_trace_without_any_is_told_so() -> None:
    none = np.empty((T, 0), np.int16)
    routed = blocks(2, 1, 2)[0][0]
    alone, beside = placement(planted(E, [routed]), 2), placement(planted(E, [none, routed]), 2)
    assert beside.before.sent == alone.before.sent > 0
    assert beside.after.sent == 0
    for choices in ([none, none], [np.full((T, 2), -1)]):
        with pytest.raises(AnalysisError, match="No expert of this trace takes a token"):
            placement(planted(E, choices), 2)
