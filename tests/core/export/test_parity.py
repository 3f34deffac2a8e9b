"""The gate on made-up results: what passes, what is excused, what fails and where."""

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from core.export.parity import TIE, Parity, Routing, Seen, compare

B, S, E, K, V = 2, 6, 4, 2, 5


def seen(shared_fate: bool = False, margin: float = 0.3) -> Seen:
    """Two routed layers; every token goes to experts 0 and 1."""
    rng = np.random.default_rng(0)
    routing = {
        path: Routing(
            np.tile(np.array([0, 1]), (B, S, 1)),
            np.tile(np.array([0.5, 0.4, 0.1, 0.0], np.float32), (B, S, 1)),
            np.full((B, S), margin, np.float32),
            shared_fate,
        )
        for path in ("d.0.1", "d.1.1")
    }
    return Seen({"next": rng.normal(size=(B, S, V)).astype(np.float32)}, routing)


def flip(seen: Seen, path: str, example: int, token: int) -> None:
    seen.routing[path].expert[example, token] = [0, 2]


def judged(ours: Seen, theirs: Seen, causal: bool = True, **weights: tuple[str, ...]) -> Parity:
    return compare([(ours, theirs)], causal=causal, unequal_weights={"": (), **weights})


def test_equal_results_pass_whatever_the_order_of_choices() -> None:
    theirs = seen()
    theirs.routing["d.0.1"].expert[0, 0] = [1, 0]
    parity = judged(seen(), theirs)
    assert parity.verdict == "PASS"
    first = parity.layers[0]
    assert (first.tokens, first.same_set, first.same_order) == (12, 12, 11)
    assert (parity.error, parity.agreement, parity.answers) == (0.0, 1.0, 12)


def test_a_flip_without_a_tie_fails_at_its_layer() -> None:
    theirs = seen()
    flip(theirs, "d.1.1", 0, 3)
    parity = judged(seen(), theirs)
    assert parity.verdict == "FAIL"
    assert [layer.hard for layer in parity.layers] == [0, 1]


def test_a_near_tie_excuses_what_later_tokens_see_and_nothing_else() -> None:
    ours, theirs = seen(), seen()
    margin = ours.routing["d.0.1"].margin
    assert margin is not None
    margin[0, 2] = TIE / 2
    flip(theirs, "d.0.1", 0, 2)
    flip(theirs, "d.1.1", 0, 4)
    theirs.logits["next"][0, 2:] += 1.0
    parity = judged(ours, theirs)
    assert parity.verdict == "PASS with near-tie flips"
    assert [(layer.near_tie, layer.downstream, layer.hard) for layer in parity.layers] == [
        (1, 0, 0),
        (0, 1, 0),
    ]
    assert (parity.error, round(parity.error_all, 4)) == (0.0, 1.0)
    flip(theirs, "d.1.1", 0, 1)
    assert judged(ours, theirs).layers[1].hard == 1
    theirs.logits["next"][1, 5] += 1.0
    assert judged(ours, theirs).error > 0.9


def test_without_causality_a_flip_is_seen_by_the_whole_example() -> None:
    ours, theirs = seen(), seen()
    margin = ours.routing["d.0.1"].margin
    assert margin is not None
    margin[0, 2] = TIE / 2
    flip(theirs, "d.0.1", 0, 2)
    flip(theirs, "d.1.1", 0, 0)
    assert judged(ours, theirs, causal=False).verdict == "PASS with near-tie flips"
    assert judged(ours, theirs, causal=True).verdict == "FAIL"
    flip(theirs, "d.1.1", 1, 0)
    assert judged(ours, theirs, causal=False).verdict == "FAIL"


@pytest.mark.parametrize("shared", [True, False])
def test_with_capacity_a_near_tie_may_take_another_tokens_place(shared: bool) -> None:
    ours, theirs = seen(shared), seen(shared)
    margin = ours.routing["d.0.1"].margin
    assert margin is not None
    margin[0, 2] = TIE / 2
    flip(theirs, "d.0.1", 0, 2)
    flip(theirs, "d.0.1", 1, 0)
    parity = judged(ours, theirs)
    assert parity.verdict == ("PASS with near-tie flips" if shared else "FAIL")
    assert (parity.layers[0].downstream, parity.layers[0].hard) == ((1, 0) if shared else (0, 1))


def spoil_probability(theirs: Seen) -> None:
    theirs.routing["d.1.1"].probability[1, 1] += 3e-5


def spoil_logit(theirs: Seen) -> None:
    theirs.logits["next"][0, 0, 0] += 1e-3


def spoil_number(theirs: Seen) -> None:
    theirs.logits["next"][0, 0, 0] = np.nan


def spoil_numbers(theirs: Seen) -> None:
    theirs.routing["d.0.1"].probability[0, 0, 0] = np.nan


@pytest.mark.parametrize("spoil", [spoil_probability, spoil_logit, spoil_number, spoil_numbers])
def test_wrong_numbers_fail(spoil: Callable[[Seen], None]) -> None:
    theirs = seen()
    spoil(theirs)
    parity = judged(seen(), theirs)
    assert parity.verdict == "FAIL"
    json.dumps(parity.as_json(), allow_nan=False)


def test_a_wrong_router_does_not_excuse_its_own_flips() -> None:
    theirs = seen()
    theirs.routing["d.0.1"].probability[:] += 0.2
    flip(theirs, "d.0.1", 0, 0)
    assert judged(seen(margin=0.1), theirs).layers[0].hard == 1


def test_weights_that_are_not_ours_fail_where_they_stand() -> None:
    parity = judged(seen(), seen(), **{"d.1.1": ("layers.d.1.1.experts.0.down",)})
    assert parity.verdict == "FAIL"
    assert [layer.failed for layer in parity.layers] == [False, True]
    assert replace(parity, layers=()).verdict == "PASS"
    assert compare([], causal=True, unequal_weights={"": ("embedding.weight",)}).verdict == "FAIL"
