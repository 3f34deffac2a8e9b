"""Windows, the split by file, and determinism of text."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.base import Batch
from core.data.errors import DataError
from core.data.text import TextData, build_text, cut_point

CONTEXT = 16


def distinct_files(lengths: list[int]) -> list[tuple[str, bytes]]:
    """Files told apart by their bytes: file i holds only the byte i."""
    return [(f"file{i}", bytes([i]) * length) for i, length in enumerate(lengths)]


def same(left: Batch, right: Batch) -> bool:
    return (
        np.array_equal(left.inputs, right.inputs)
        and all(np.array_equal(left.targets[h], right.targets[h], equal_nan=True) for h in left.targets)
        and np.array_equal(left.domain, right.domain)
        and np.array_equal(left.origin, right.origin)
    )


@pytest.fixture
def two() -> TextData:
    letters = [(f"l{i}", bytes(range(65, 91)) * 20) for i in range(12)]
    digits = [(f"d{i}", b"0123456789" * 40) for i in range(12)]
    return build_text("two", "Two", {"letters": letters, "digits": digits})


@given(
    lengths=st.lists(st.integers(20, 400), min_size=2, max_size=20),
    context=st.integers(1, 60),
    step=st.integers(0, 10**6),
)
def test_windows_never_cross_a_file(lengths: list[int], context: int, step: int) -> None:
    data = build_text("x", "X", {"all": distinct_files(lengths)})
    if context >= data.facts.smallest_file:
        return
    batches = [data.batch(step, seed=1, size=33, context=context), *data.held_out(20, context=context)]
    for batch in batches:
        window = np.concatenate([batch.inputs, batch.targets["next"][:, -1:]], axis=1)
        assert np.all(window == window[:, :1])
        assert np.array_equal(batch.inputs[:, 1:], batch.targets["next"][:, :-1])


@given(lengths=st.lists(st.integers(30, 3000), min_size=1, max_size=30), context=st.integers(1, 200))
def test_smallest_file_is_the_longest_window_that_works(lengths: list[int], context: int) -> None:
    data = build_text("x", "X", {"all": distinct_files(lengths)})
    if context < data.facts.smallest_file:
        assert len(data.batch(0, seed=0, size=2, context=context)) == 2
        assert len(data.held_out(2, context=context)[0]) >= 1
    else:
        with pytest.raises(DataError, match="To fix this, use a context of at most"):
            (data.batch(0, seed=0, size=2, context=context), data.held_out(2, context=context))


@given(lengths=st.lists(st.integers(1, 3000), min_size=1, max_size=40).filter(lambda n: sum(n) > 20))
def test_held_out_bytes_are_a_tenth_and_disjoint(lengths: list[int]) -> None:
    files = [(f"file{i}", bytes([i % 256]) * length) for i, length in enumerate(lengths)]
    data = build_text("x", "X", {"all": files})
    total, held = sum(lengths), data.facts.n_held_out
    assert data.facts.n_train + held == total
    assert 0.02 * total <= held <= 0.3 * total + 1
    assert len(data.stream) == total


def test_training_and_held_out_windows_come_from_different_files() -> None:
    data = build_text("x", "X", {"all": distinct_files([300] * 40)})
    seen = {
        int(b) for step in range(30) for b in data.batch(step, seed=0, size=64, context=CONTEXT).inputs[:, 0]
    }
    held = {int(b) for b in data.held_out(500, context=CONTEXT)[0].inputs[:, 0]}
    assert not seen & held
    assert seen | held == set(range(40))
    assert 0 < len(held) < 10


def test_a_batch_is_a_function_of_seed_and_step(two: TextData) -> None:
    first = two.batch(7, seed=3, size=32, context=CONTEXT)
    two.batch(8, seed=3, size=32, context=CONTEXT)
    two.held_out(4, context=CONTEXT)
    assert same(first, two.batch(7, seed=3, size=32, context=CONTEXT))
    assert not same(first, two.batch(8, seed=3, size=32, context=CONTEXT))
    assert not same(first, two.batch(7, seed=4, size=32, context=CONTEXT))


def test_the_evaluation_set_is_fixed_and_by_domain(two: TextData) -> None:
    left, right = two.held_out(9, context=CONTEXT), two.held_out(9, context=CONTEXT)
    assert [set(batch.domain.tolist()) for batch in left] == [{0}, {1}]
    assert [len(batch) for batch in left] == [9, 9]
    assert all(same(a, b) for a, b in zip(left, right, strict=True))


def test_evaluation_windows_do_not_overlap_where_there_are_enough(two: TextData) -> None:
    for batch in two.held_out(10, context=CONTEXT):
        assert np.all(np.diff(np.sort(batch.origin)) >= CONTEXT)


def test_a_mixture_weighs_the_batch(two: TextData) -> None:
    batch = two.batch(0, seed=0, size=40, context=CONTEXT, mixture={"letters": 3, "digits": 1})
    assert np.bincount(batch.domain).tolist() == [30, 10]
    only = two.batch(0, seed=0, size=40, context=CONTEXT, mixture={"digits": 1})
    assert set(only.domain.tolist()) == {1}
    assert np.all((only.inputs >= 48) & (only.inputs < 58))


def test_origin_is_the_place_in_the_domains_stream(two: TextData) -> None:
    stream = {d: two.stream[two.index.start[two.index.domain == d][0] :] for d in (0, 1)}
    batch = two.batch(2, seed=0, size=50, context=CONTEXT)
    for row, domain, origin in zip(batch.inputs, batch.domain.tolist(), batch.origin.tolist(), strict=True):
        assert np.array_equal(row, stream[domain][origin : origin + CONTEXT])


def test_every_start_of_a_window_is_reached() -> None:
    data = build_text(
        "x", "X", {"all": [("a", b"a" * 30), ("b", b"b" * 25), ("c", b"c" * 4), ("d", b"d" * 9)]}
    )
    starts = {o for step in range(60) for o in data.batch(step, seed=0, size=64, context=20).origin.tolist()}
    train = (~data.index.held_out) & (data.index.length > 20)
    files = zip(data.index.start[train], data.index.length[train], strict=True)
    assert starts == {s for start, length in files for s in range(start, start + length - 20)}


def test_a_mixture_may_leave_out_a_domain_too_short_for_the_context() -> None:
    data = build_text("x", "X", {"long": [("a", b"a" * 4000)], "short": [("b", b"b" * 100)]})
    with pytest.raises(DataError, match="'short'"):
        data.batch(0, seed=0, size=8, context=200)
    assert len(data.batch(0, seed=0, size=8, context=200, mixture={"long": 1})) == 8


def test_fingerprint_follows_bytes_domains_and_split() -> None:
    files = distinct_files([200, 300, 400])
    changed = [*files[:2], ("file2", files[2][1][:-1] + b"!")]
    prints = {
        build_text("x", "X", {"a": files}).facts.fingerprint,
        build_text("x", "X", {"b": files}).facts.fingerprint,
        build_text("x", "X", {"a": changed}).facts.fingerprint,
        build_text("x", "X", {"a": files}, share=0.4).facts.fingerprint,
    }
    assert len(prints) == 4
    assert build_text("y", "Y", {"a": files}).facts.fingerprint in prints


def test_one_file_gives_its_end_away_and_says_so() -> None:
    data = build_text("x", "X", {"a": [("only.txt", b"word word\n" * 100)]})
    assert data.index.held_out.tolist() == [False, True]
    assert data.index.length.tolist() == [900, 100]
    assert "'only.txt'" in data.notes[0]


@given(text=st.text(min_size=1, max_size=200), near=st.integers(0, 400))
def test_a_cut_never_splits_a_character(text: str, near: int) -> None:
    data = text.encode()
    cut = cut_point(data, min(near, len(data) - 1))
    assert (data[:cut].decode() + data[cut:].decode()) == text
