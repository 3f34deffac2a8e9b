"""How wide a line of text is, without a font: to place and to cut it.

Layers are alike, so the same few words are asked for again and again.
"""

from functools import lru_cache

#: Widths of letters as shares of the size, roughly those of Inter: to place and to cut text without a font.
_NARROW, _WIDE, _CAPITAL, _OTHER = 0.3, 0.88, 0.68, 0.57


@lru_cache(maxsize=4096)
def width_of(text: str, size: float) -> float:
    """About how wide a line of text is."""
    return size * sum(
        _NARROW
        if letter in "iljtfrI.,:;'|()[] \u2009"
        else _WIDE
        if letter in "mwMW%@"
        else _CAPITAL
        if letter.isupper()
        else _OTHER
        for letter in text
    )


def cut(text: str, size: float, room: float) -> str:
    """The text, or as much of its beginning as there is room for."""
    if width_of(text, size) <= room:
        return text
    while text and width_of(text + "…", size) > room:
        text = text[:-1]
    return text.rstrip() + "…" if text else ""


@lru_cache(maxsize=4096)
def fitting(note: str, size: float, room: float) -> str:
    """As many of the pieces between commas as there is room for, from the first on."""
    pieces = note.split(", ")
    while pieces and width_of(", ".join(pieces), size) > room:
        pieces.pop()
    return ", ".join(pieces)
