"""Fingerprints on a page: one by itself, or a gallery of many in one component."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from components.assets import component
from components.gallery.fingerprint import fingerprint
from core.design.spec import Design

_HTML = '<div class="root gallery"></div>'


@dataclass(frozen=True)
class Card:
    """A design of the gallery: its key, its name, a note, its size in words."""

    key: str
    name: str
    note: str
    size: str


def gallery(cards: Sequence[tuple[Card, Design]], *, key: str, columns: int = 4) -> str | None:
    """Draw the cards; the key of the one that was just opened, else None."""
    data = {"cards": [{**asdict(card), **_lines(card, design)} for card, design in cards], "columns": columns}
    result = component("gallery", _HTML)(key=key, data=data, on_open_change=_noticed)
    chosen: str | None = result.get("open")
    return chosen if any(card.key == chosen for card, _ in cards) else None


def picture(design: Design, said: str, *, key: str, height: int = 104) -> None:
    """One fingerprint without a card; `said` is its alternative text."""
    data = {"picture": {"lines": fingerprint(design), "said": said}, "height": height}
    component("gallery", _HTML)(key=key, data=data)


def _lines(card: Card, design: Design) -> dict[str, Any]:
    return {"lines": fingerprint(design), "said": f"{card.name}: {card.note}"}


def _noticed() -> None:
    """A trigger needs a callback to be told apart from the last run's."""
