"""Columns of a table as numbers a model can read: standardised, one-hot, missing values marked."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from core.data.errors import DataError, shorten

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

MAX_FEATURES = 4096
MAX_CATEGORIES = 256
#: Whole numbers with at most this many distinct values are classes when they are the target.
FEW = 20
#: Deviations from the mean at which a standardised number is cut.
FAR = 1e4
MISSING = frozenset(("", "na", "n/a", "#n/a", "nan", "null", "none", "?", "-"))


@dataclass(frozen=True)
class Column:
    """One column: either `numbers`, NaN where missing, or `words`, None where missing."""

    name: str
    numbers: Floats | None = None
    words: tuple[str | None, ...] = ()

    def __len__(self) -> int:
        return len(self.words) if self.numbers is None else len(self.numbers)

    @property
    def missing(self) -> Mask:
        """Which rows [n] hold no value."""
        if self.numbers is None:
            return np.array([word is None for word in self.words], np.bool_)
        return np.isnan(self.numbers)

    @property
    def values(self) -> list[str]:
        """Distinct values as text, numbers in numeric order, words in alphabetical order."""
        if self.numbers is None:
            return sorted({word for word in self.words if word is not None})
        return [label(x) for x in np.unique(self.numbers[~np.isnan(self.numbers)])]

    @property
    def looks_like(self) -> Literal["classes", "value"]:
        """What a target in this column is taken for: words and few whole numbers are classes."""
        if self.numbers is None:
            return "classes"
        distinct = np.unique(self.numbers[~np.isnan(self.numbers)])
        whole = bool(np.all(distinct == np.round(distinct)))
        return "classes" if whole and len(distinct) <= FEW else "value"

    def codes(self) -> npt.NDArray[np.int64]:
        """Index [n] of each row's value in `values`, -1 where missing."""
        if self.numbers is None:
            place = {value: i for i, value in enumerate(self.values)}
            return np.array([-1 if word is None else place[word] for word in self.words], np.int64)
        missing = np.isnan(self.numbers)
        distinct = np.unique(self.numbers[~missing])
        return np.where(missing, -1, np.searchsorted(distinct, self.numbers)).astype(np.int64)


def label(number: float) -> str:
    """A number as the name of a class: 3 rather than 3.0."""
    return str(int(number)) if number == int(number) else repr(float(number))


def word_of(cell: str) -> str | None:
    """A text cell without the blanks around it; None for a mark of a missing one."""
    word = cell.strip()
    return None if word.lower() in MISSING else word


def column_of(name: str, cells: Sequence[str], *, decimal_comma: bool = False) -> Column:
    """A column of text cells: numbers if every cell that is not missing is one.

    A number that is not finite counts as missing. With `decimal_comma`, 1,5 is a number too, unless the
    column also has points: which of them parts the thousands, no cell says.
    """
    words = [word_of(cell) for cell in cells]
    digits = words
    if decimal_comma and not any(word and "." in word for word in words):
        digits = [word and word.replace(",", ".") for word in words]
    # Python reads 1_000 as a number; a table means a word by it.
    if any(word and "_" in word for word in words):
        return Column(name, words=tuple(words))
    try:
        numbers = np.array([math.nan if word is None else float(word) for word in digits], np.float64)
    except ValueError:
        return Column(name, words=tuple(words))
    numbers[~np.isfinite(numbers)] = math.nan
    return Column(name, numbers)


@dataclass(frozen=True)
class Encoded:
    """Features float32 [n, F], a name for each, and what to tell the user."""

    features: npt.NDArray[np.float32]
    names: tuple[str, ...]
    notes: tuple[str, ...]


def encode(columns: Iterable[Column], train: Mask) -> Encoded:
    """Columns as features. Everything is learned from the rows of `train` alone.

    Numbers are standardised and missing ones become the mean, with a feature that says so. Categories are
    one-hot, with one for missing; a category never seen in training is all zeros.

    Raises:
        DataError: a column with no value at all, too many categories, or more than `MAX_FEATURES` features.
    """
    parts: list[Floats] = []
    names: list[str] = []
    notes: list[str] = []
    for column in columns:
        if column.missing[train].all():
            raise DataError(
                f"The column {shorten(column.name)} has no values to train on.",
                "Nothing can be learned from a column in which all cells are missing.",
                "leave this column out, or fill it.",
            )
        encoded = encode_words(column, train) if column.numbers is None else encode_numbers(column, train)
        if not encoded:
            notes.append(f"Column {shorten(column.name)} is left out: it never changes in the training rows.")
        for name, feature in encoded:
            names.append(name)
            parts.append(feature)
        if len(parts) > MAX_FEATURES:
            raise DataError(
                f"The table makes more than {MAX_FEATURES} features.",
                "Each number is one feature and each category of a column another.",
                "leave out some columns.",
            )
    if not parts:
        raise DataError(
            "No column is left to learn from.",
            "Every column but the target was left out or has one value only.",
            "add a column that varies.",
        )
    return Encoded(np.stack(parts, axis=1).astype(np.float32), tuple(names), tuple(notes))


def encode_numbers(column: Column, train: Mask) -> list[tuple[str, Floats]]:
    """The column standardised, and where numbers are missing in training, a feature that marks them."""
    assert column.numbers is not None
    missing = np.isnan(column.numbers)
    standard, _ = standardise(column.numbers, train)
    found = [] if standard is None else [(column.name, np.where(missing, 0.0, standard))]
    if missing[train].any():
        found.append((f"{column.name} is missing", missing.astype(np.float64)))
    return found


def standardise(numbers: Floats, train: Mask) -> tuple[Floats | None, tuple[float, float]]:
    """Numbers less the training rows' mean over their deviation, and these two; None where constant.

    Cut at `FAR` deviations.
    """
    known = numbers[train & ~np.isnan(numbers)]
    # Scaling first keeps the squares of very large numbers finite and of very small ones above zero.
    size = float(np.abs(known).max(initial=0.0)) or 1.0
    mean, deviation = float((known / size).mean()), float((known / size).std())
    if deviation <= 1e-12:
        return None, (mean * size, 0.0)
    # A held-out row may lie anywhere; of n training rows none is further out than the root of n.
    with np.errstate(over="ignore"):
        standard = np.clip((numbers / size - mean) / deviation, -FAR, FAR)
    return standard, (mean * size, deviation * size)


def encode_words(column: Column, train: Mask) -> list[tuple[str, Floats]]:
    """One feature for each category of the training rows. None where there is only one."""
    seen = sorted({word for word, use in zip(column.words, train, strict=True) if use and word is not None})
    if len(seen) > MAX_CATEGORIES:
        raise DataError(
            f"The column {shorten(column.name)} has {len(seen)} different words.",
            f"A category column may have {MAX_CATEGORIES}; this one looks like names, dates or free text.",
            "leave this column out.",
        )
    missing = column.missing
    keys: list[str | None] = [*seen, None] if missing[train].any() else [*seen]
    if len(keys) < 2:
        return []
    place = {key: i for i, key in enumerate(keys)}
    code = np.array([place.get(word, -1) for word in column.words], np.int64)
    names = [f"{column.name} is missing" if key is None else f"{column.name} = {key}" for key in keys]
    return [(name, (code == i).astype(np.float64)) for i, name in enumerate(names)]
