"""Tables as numbers: what holds for any columns."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.columns import Column, column_of, encode, encode_words, label, standardise
from core.data.errors import DataError
from core.data.examples import stratified_split

NUMBER = st.one_of(st.just(math.nan), st.floats(-1e300, 1e300))
WORD = st.sampled_from(["red", "green", "blue", None])


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[Column], np.ndarray]:
    rows = draw(st.integers(4, 30))
    columns = []
    for i in range(draw(st.integers(1, 4))):
        if draw(st.booleans()):
            cells = draw(st.lists(NUMBER, min_size=rows, max_size=rows))
            columns.append(Column(f"n{i}", np.array(cells)))
        else:
            words = draw(st.lists(WORD, min_size=rows, max_size=rows))
            columns.append(Column(f"w{i}", words=tuple(words)))
    train = np.zeros(rows, np.bool_)
    train[: draw(st.integers(2, rows - 1))] = True
    return columns, train


@given(tables())
def test_features_are_finite_and_learned_from_training_rows_alone(
    table: tuple[list[Column], np.ndarray],
) -> None:
    columns, train = table
    unusable = any(column.missing[train].all() for column in columns)
    if unusable or not any(varies(column, train) for column in columns):
        with pytest.raises(DataError, match="To fix this, "):
            encode(columns, train)
        return
    encoded = encode(columns, train)
    assert encoded.features.shape == (len(train), len(encoded.names))
    assert np.isfinite(encoded.features[train]).all()
    assert np.abs(encoded.features[train].astype(np.float64).mean(axis=0)).max() <= 1 + 1e-4
    blanked = [blank(column, train) for column in columns]
    again = encode(blanked, train)
    assert again.names == encoded.names
    assert np.array_equal(again.features[train], encoded.features[train])


def varies(column: Column, train: np.ndarray) -> bool:
    """Whether training rows differ by more than rounding, a missing cell counting as a value."""
    if column.numbers is None:
        return len({w for w, t in zip(column.words, train, strict=True) if t}) > 1
    return bool(column.missing[train].any()) or standardise(column.numbers, train)[0] is not None


def blank(column: Column, train: np.ndarray) -> Column:
    """The column with other values in the held-out rows."""
    if column.numbers is not None:
        return Column(column.name, np.where(train, column.numbers, 12345.0))
    return Column(
        column.name, words=tuple(w if t else "unseen" for w, t in zip(column.words, train, strict=True))
    )


@given(st.lists(WORD, min_size=4, max_size=30))
def test_one_hot_rows_sum_to_one(words: list[str | None]) -> None:
    train = np.ones(len(words), np.bool_)
    features = encode_words(Column("w", words=tuple(words)), train)
    if len(set(words)) < 2:
        assert features == []
    else:
        assert np.array_equal(sum(f for _, f in features), np.ones(len(words)))
        assert len(features) == len(set(words))


@given(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=30), st.floats(0.1, 100), st.floats(-100, 100))
def test_standardising_forgets_unit_and_origin(numbers: list[float], scale: float, shift: float) -> None:
    values = np.array(numbers)
    train = np.ones(len(values), np.bool_)
    plain, (mean, deviation) = standardise(values, train)
    if plain is None or deviation < 1e-3:
        return
    assert np.allclose(plain * deviation + mean, values, atol=1e-6 * max(1.0, np.abs(values).max()))
    moved, _ = standardise(values * scale + shift, train)
    assert moved is not None
    assert np.allclose(plain, moved, atol=1e-3)


def test_missing_numbers_become_the_mean_with_a_mark() -> None:
    column = column_of("x", ["1", "3", "", "NaN", "inf"])
    encoded = encode([column], np.array([True, True, True, False, True]))
    assert encoded.names == ("x", "x is missing")
    assert encoded.features.tolist() == [[-1, 0], [1, 0], [0, 1], [0, 1], [0, 1]]


def test_a_category_never_seen_in_training_is_all_zeros() -> None:
    encoded = encode([Column("w", words=("a", "b", "c"))], np.array([True, True, False]))
    assert encoded.names == ("w = a", "w = b")
    assert encoded.features.tolist() == [[1, 0], [0, 1], [0, 0]]


@pytest.mark.parametrize(
    ("cells", "looks", "values"),
    [
        (["1", "2", "2.0"], "classes", ["1", "2"]),
        (["1", "2.5"], "value", ["1", "2.5"]),
        ([str(i) for i in range(21)], "value", [str(i) for i in range(21)]),
        (["yes", "no", ""], "classes", ["no", "yes"]),
        (["1_0", "2"], "classes", ["1_0", "2"]),
        (["10", "9", "-1"], "classes", ["-1", "9", "10"]),
    ],
)
def test_what_a_column_looks_like(cells: list[str], looks: str, values: list[str]) -> None:
    column = column_of("x", cells)
    assert (column.looks_like, column.values) == (looks, values)
    codes = column.codes()
    assert all((value == "" and code == -1) or code >= 0 for value, code in zip(cells, codes, strict=True))


def test_labels_of_numbers() -> None:
    assert [label(x) for x in (3.0, -2.0, 0.5)] == ["3", "-2", "0.5"]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=200), st.integers(0, 5))
def test_a_split_takes_its_share_of_each_stratum(values: list[int], seed: int) -> None:
    stratum = np.array(values)
    held = stratified_split(stratum, seed=seed)
    assert np.array_equal(held, stratified_split(stratum, seed=seed))
    for value in set(values):
        count, out = int((stratum == value).sum()), int(held[stratum == value].sum())
        assert out == (0 if count == 1 else max(1, round(0.2 * count)))
        assert out < count
