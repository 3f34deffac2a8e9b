"""A picture as a file: SVG text that stands alone, with the design inside, so that it can be opened again."""

import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr, unescape

from components.canvas.paint import Paint, number, plate, words
from components.canvas.picture import Label, Legend, Picture, Wire
from components.canvas.theme import Theme
from core.design.canonical import canonical_json
from core.design.spec import Design

_OPEN, _CLOSE = '<metadata id="moe-studio-design">', "</metadata>"
_GLYPHS = re.compile(r"const GLYPH = \{(.*?)\n\};", re.DOTALL)
_ONE = re.compile(r"""(\w+|"[^"]+"): "([^"]+)\"""")
#: Room around the drawing, and above it for the legend of a heat drawing.
MARGIN, LEGEND = 16.0, 26.0


class NoDesignError(ValueError):
    """A drawing without a design inside, in words for a user."""


def svg(picture: Picture, design: Design, theme: Theme) -> str:
    """The drawing as one SVG document; the same picture gives the same text, byte by byte.

    It asks nobody for anything: letters are set in the reader's own fonts where Inter is not installed.
    """
    top = MARGIN + (LEGEND if picture.legend else 0.0)
    width, height = picture.width + 2 * MARGIN, picture.height + top + MARGIN
    size = f"{number(width)} {number(height)}"
    paint = Paint(theme, _glyphs())
    body = [paint.box(box) for box in picture.boxes if box.kind == "panel"]
    body += [_wire(wire, theme) for wire in picture.wires]
    body += [_label(label, theme) for label in picture.labels]
    body += [paint.box(box) for box in picture.boxes if box.kind not in ("panel", "count")]
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" width="{number(width)}" '
            f'height="{number(height)}" font-family={quoteattr(theme.font)} font-size="13" role="img">',
            f"<title>{words(design.name)}</title>",
            f"{_OPEN}{escape(canonical_json(design))}{_CLOSE}",
            paint.defs(),
            f'<rect width="{number(width)}" height="{number(height)}" fill="{theme.well}"/>',
            _legend(picture.legend, theme) if picture.legend else "",
            f'<g transform="translate({number(MARGIN)} {number(top)})">',
            *body,
            "</g>",
            "</svg>",
            "",
        ]
    )


def is_svg(text: str) -> bool:
    """Whether `text` looks like a drawing rather than JSON."""
    return text.lstrip("\ufeff \t\r\n").startswith("<")


def design_of(text: str) -> Any:
    """The design, as data, that a drawing was made of; nothing else of the text is looked at.

    Raises NoDesignError.
    """
    # A pattern would look for the end anew at each start: hours for text that starts often and never ends.
    _, opened, rest = text.partition(_OPEN)
    held, closed, _ = rest.partition(_CLOSE)
    if not (opened and closed):
        raise NoDesignError(
            "This drawing holds no design: it was not saved by the studio, or a program that changed it "
            "left the design out. To fix this, use the design's JSON file."
        )
    try:
        return json.loads(unescape(held))
    except (ValueError, RecursionError):
        raise NoDesignError(
            "The design inside this drawing is damaged. To fix this, use the design's JSON file."
        ) from None


def _wire(wire: Wire, theme: Theme) -> str:
    colour, width = {
        "spine": (theme.faint(0.34, on=theme.well), 1.5),
        "fan": (theme.line2, 1.25),
        "pick": (theme.accent, 1.75),
        "skip": (theme.shared, 1.4),
        "bracket": (theme.faint(0.38, on=theme.well), 1.5),
        "rule": (theme.faint(0.40), 1.0),
    }[wire.kind]
    dashed = ' stroke-dasharray="3 3"' if wire.kind == "skip" else ""
    return f'<path d="{wire.d}" fill="none" stroke="{colour}" stroke-width="{width}"{dashed}/>'


def _label(label: Label, theme: Theme) -> str:
    place = f'x="{number(label.x)}" y="{number(label.y)}" text-anchor="{label.anchor}"'
    return f'<text {place} font-size="11" fill="{theme.ink2}">{words(label.text)}</text>'


def _legend(legend: Legend, theme: Theme) -> str:
    """Title, the low end, the ramp and the high end, in one line of text around a bar."""
    y, left, wide = MARGIN + 12, MARGIN + 4, 90.0
    x = left + 7.0 * len(legend.title) + 6.0 * len(legend.low) + 22
    return (
        f'<text x="{number(x - 8)}" y="{number(y)}" font-size="12" text-anchor="end" fill="{theme.ink2}">'
        f'<tspan font-weight="600" fill="{theme.ink}">{words(legend.title)}</tspan>'
        f'<tspan dx="10">{words(legend.low)}</tspan></text>'
        + plate(x, y - 9, wide, 9, 2, "url(#ramp)")
        + f'<text x="{number(x + wide + 8)}" y="{number(y)}" font-size="12" fill="{theme.ink2}">'
        f"{words(legend.high)}</text>"
    )


@lru_cache(maxsize=1)
def _glyphs() -> dict[str, str]:
    """Paths of the parts' signs, where the browser has them too: they are drawn once."""
    text = (Path(__file__).parents[1] / "base.js").read_text(encoding="utf-8")
    block = _GLYPHS.search(text)
    assert block is not None, "components/base.js names its glyphs in GLYPH"
    return {name.strip('"'): d for name, d in _ONE.findall(block[1])}
