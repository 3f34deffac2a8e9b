"""Fingerprints on a page: one by itself, or a gallery of many in one component."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal, NamedTuple

from components.assets import component
from components.gallery.fingerprint import Print, packed
from core.design.spec import Design

_HTML = '<div class="root shelf gallery"></div>'
_ACTS: tuple[Literal["open"], Literal["shrink"]] = ("open", "shrink")


@dataclass(frozen=True)
class Card:
    """A design of the gallery: its key, name and picture, and what is said of it.

    `note` is its structure, `line` what it is known for, `size` its parameters in words, `badge` a short
    remark. `link` is where `source` stands; nothing follows it but the user. `shrinks` offers a proxy.
    """

    key: str
    name: str
    design: str
    note: str
    size: str
    total: int
    print: Print
    group: str = ""
    line: str = ""
    source: str = ""
    link: str = ""
    badge: str = ""
    shrinks: bool = False


class Chosen(NamedTuple):
    """The button that was just pressed, and the key of its card."""

    act: Literal["open", "shrink"]
    key: str


def gallery(cards: Sequence[Card], *, key: str, columns: int = 4, tools: bool = False) -> Chosen | None:
    """Draw the cards, with a filter and an order where `tools` are asked for; what was just chosen."""
    data = {"cards": [asdict(card) for card in cards], "columns": columns, "tools": tools}
    noticed = {f"on_{act}_change": _noticed for act in _ACTS}
    result = component("gallery", _HTML)(key=key, data=data, **noticed)
    known = {card.key for card in cards}
    return next((Chosen(act, result.get(act)) for act in _ACTS if result.get(act) in known), None)


def picture(design: Design, said: str, *, key: str, height: int = 104) -> None:
    """One fingerprint without a card; `said` is its alternative text."""
    data = {"picture": {"print": asdict(packed(design)), "said": said}, "height": height}
    component("gallery", _HTML)(key=key, data=data)


def _noticed() -> None:
    """A trigger needs a callback to be told apart from the last run's."""
