"""The catalogue as cards, and claims beside what was measured; both real lists and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from components.assets import component

_HTML = '<div class="root shelf papers"></div>'

#: What a chip says by its colour, always beside its word.
Kind = Literal["yes", "part", "no", "not", "busy", "plain"]


@dataclass(frozen=True)
class Chip:
    """A word with a sign: a verdict, or whether a paper is built."""

    kind: Kind
    text: str


@dataclass(frozen=True)
class PaperCard:
    """A paper in the catalogue. `link` is where `source` stands; nothing follows it but the user.

    `status` is what the filter sorts by; it is the first chip as well.
    """

    key: str
    short: str
    title: str
    year: int
    source: str
    link: str
    claim: str
    group: str
    status: str
    chips: tuple[Chip, ...]


@dataclass(frozen=True)
class Effect:
    """An interval on a line of its own: 0 is the threshold, up to 1 is what is claimed, down to -1 is not."""

    low: float
    mean: float
    high: float


@dataclass(frozen=True)
class BoardRow:
    """One claim: who says it, what it says, what was measured, the verdict.

    `note` stands small below what it says, `how` below what was measured, `under` below the verdict. `key`
    opens something where it is not empty.
    """

    key: str
    paper: str
    source: str
    says: str
    measured: str
    how: str
    chip: Chip
    effect: Effect | None = None
    note: str = ""
    under: str = ""


def catalogue(cards: Sequence[PaperCard], *, key: str) -> str | None:
    """Draw the cards with a filter; the key of the card that was just opened."""
    return _opened({"cards": [asdict(card) for card in cards]}, {card.key for card in cards}, key)


def board(rows: Sequence[BoardRow], said: str, *, key: str, papers: bool = True) -> str | None:
    """Draw claims as a table with the caption `said`; the key of the row that was just opened.

    `papers`: the first column says whose claim it is.
    """
    data = {"rows": [asdict(row) for row in rows], "said": said, "papers": papers}
    return _opened(data, {row.key for row in rows if row.key}, key)


def _opened(data: dict[str, object], known: set[str], key: str) -> str | None:
    result = component("papers", _HTML)(key=key, data=data, on_open_change=_noticed)
    found = result.get("open")
    return found if found in known else None


def _noticed() -> None:
    """A trigger needs a callback to be told apart from the last run's."""
