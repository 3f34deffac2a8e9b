"""Mixtures, batches and fingerprints."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.base import Batch, Fingerprint, draw_domains, weights_of
from core.data.errors import DataError, listing

DOMAINS = ("english", "python", "cpp")


def test_no_mixture_is_equal() -> None:
    assert weights_of(None, DOMAINS).tolist() == weights_of({}, DOMAINS).tolist() == [1 / 3] * 3


def test_a_domain_left_out_has_no_weight() -> None:
    assert weights_of({"python": 3, "cpp": 1}, DOMAINS).tolist() == [0, 0.75, 0.25]


@pytest.mark.parametrize(
    ("mixture", "says"),
    [
        ({"pyton": 1.0}, "write 'python'"),
        ({"zzz": 1.0}, "'english', 'python', 'cpp'"),
        ({"cpp": -1.0}, "0 or more"),
        ({"cpp": float("nan")}, "0 or more"),
        ({"cpp": 0.0}, "above 0"),
    ],
)
def test_a_bad_mixture_says_what_to_do(mixture: dict[str, float], says: str) -> None:
    with pytest.raises(DataError, match="To fix this, ") as error:
        weights_of(mixture, DOMAINS)
    assert says in str(error.value)


@given(
    weights=st.lists(st.floats(0, 1e6), min_size=1, max_size=12).filter(lambda w: sum(w) > 1e-3),
    size=st.integers(1, 400),
    seed=st.integers(0, 2**31),
)
def test_counts_are_within_one_of_the_shares(weights: list[float], size: int, seed: int) -> None:
    shares = np.array(weights) / sum(weights)
    drawn = draw_domains(np.random.default_rng(seed), shares, size)
    counts = np.bincount(drawn, minlength=len(weights))
    assert counts.sum() == size
    assert np.all(np.abs(counts - shares * size) < 1 + 1e-6)
    assert not counts[shares == 0].any()


def test_pieces_cover_a_batch_in_order() -> None:
    whole = Batch(
        inputs=np.arange(10).reshape(5, 2),
        targets={"a": np.arange(5)},
        domain=np.zeros(5, np.int16),
        origin=np.arange(5),
        task_id=np.arange(5),
    )
    pieces = list(whole.pieces(2))
    assert [len(piece) for piece in pieces] == [2, 2, 1]
    assert np.array_equal(np.concatenate([piece.inputs for piece in pieces]), whole.inputs)
    assert np.array_equal(np.concatenate([piece.targets["a"] for piece in pieces]), whole.targets["a"])
    tasks = [piece.task_id for piece in pieces if piece.task_id is not None]
    assert np.array_equal(np.concatenate(tasks), np.arange(5))


def test_parts_of_a_fingerprint_cannot_run_into_each_other() -> None:
    prints = {
        Fingerprint().add("a", b"bc").hex(),
        Fingerprint().add("ab", b"c").hex(),
        Fingerprint().add("a", b"b").add("", b"c").hex(),
        Fingerprint().add("a", np.zeros(2, np.int64)).hex(),
        Fingerprint().add("a", np.zeros((2, 1), np.int64)).hex(),
        Fingerprint().add("a", np.zeros(16, np.uint8)).hex(),
    }
    assert len(prints) == 6


def test_a_message_has_three_parts_and_long_lists_are_cut() -> None:
    error = DataError("It is empty.", "Nothing to read.", "fill it.")
    assert str(error) == "It is empty. Nothing to read. To fix this, fill it."
    assert listing(["a", "b", "c"], limit=2) == "'a', 'b' and 1 more"
