"""Boxes of a picture as elements of an SVG."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape

from components.canvas.bank import SWARM_COLUMNS
from components.canvas.letters import cut, width_of
from components.canvas.picture import COLUMN_ENDS, Box
from components.canvas.theme import Theme, mix, text_on

#: How wide the bar of a share is.
_BAR = 47.0
#: What XML 1.0 cannot hold, not even escaped; a name may.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def words(text: str) -> str:
    """Text as it may stand in a document."""
    return escape(_FORBIDDEN.sub("", text))


def plate(x: float, y: float, w: float, h: float, radius: float, fill: str) -> str:
    """A rectangle without a border."""
    return (
        f'<rect x="{number(x)}" y="{number(y)}" width="{number(w)}" height="{number(h)}" '
        f'rx="{number(radius)}" fill="{fill}"/>'
    )


def number(value: float) -> str:
    """Pixels to a tenth, without a useless zero."""
    return f"{round(value, 1):g}"


@dataclass(frozen=True)
class Paint:
    """Paints boxes in the colours of a theme."""

    theme: Theme
    glyphs: Mapping[str, str]

    def defs(self) -> str:
        """What is referred to: the ramp of a legend, and the hatch of a dead expert."""
        last = len(self.theme.ramp) - 1
        stops = "".join(
            f'<stop offset="{number(100 * i / last)}%" stop-color="{colour}"/>'
            for i, colour in enumerate(self.theme.ramp)
        )
        hatch = (
            '<pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" '
            f'patternTransform="rotate(45)"><rect width="6" height="6" fill="{self.theme.error_paper}"/>'
            f'<path d="M0 0V6" stroke="{self.theme.error}" stroke-width="1.6"/></pattern>'
        )
        return f'<defs><linearGradient id="ramp">{stops}</linearGradient>{hatch}</defs>'

    def box(self, box: Box) -> str:
        """One box with what is written in it."""
        painter = {
            "row": self._row,
            "open": self._row,
            "expert": self._expert,
            "cell": self._expert,
            "shared": self._expert,
            "swarm": self._swarm,
            "router": self._pill,
            "combine": self._pill,
            "repeat": self._beside,
            "panel": self._panel,
            "problem": self._problem,
        }[box.kind]
        return painter(box)

    def _rect(self, box: Box, radius: float, fill: str, stroke: str, width: float | None = None) -> str:
        w = box.w if width is None else width
        return (
            f'<rect x="{number(box.x)}" y="{number(box.y)}" width="{number(w)}" height="{number(box.h)}" '
            f'rx="{number(radius)}" fill="{fill}" stroke="{stroke}"/>'
        )

    def _glyph(self, name: str, x: float, y: float, colour: str, size: float = 16) -> str:
        place = f"translate({number(x)} {number(y)})" + ("" if size == 16 else f" scale({size / 16:g})")
        return (
            f'<path transform="{place}" d="{self.glyphs[name]}" fill="none" '
            f'stroke="{colour}" stroke-width="1.4" stroke-linecap="round" stroke-linejoin="round"/>'
        )

    def _text(self, x: float, y: float, spans: str, anchor: str = "start", size: float = 13) -> str:
        return (
            f'<text x="{number(x)}" y="{number(y)}" text-anchor="{anchor}" font-size="{number(size)}">'
            f"{spans}</text>"
        )

    def _span(self, text: str, colour: str, *, bold: int = 0, size: float = 0, dx: float = 0) -> str:
        marks = (f' dx="{number(dx)}"' if dx else "") + (f' font-weight="{bold}"' if bold else "")
        marks += f' font-size="{number(size)}"' if size else ""
        return f'<tspan fill="{colour}"{marks}>{words(text)}</tspan>'

    def _panel(self, box: Box) -> str:
        return self._rect(box, 9, self.theme.paper, self.theme.line2)

    def _row(self, box: Box) -> str:
        """A part: sign, name, note, its columns, and the bar of its share."""
        theme, middle = self.theme, box.y + box.h / 2
        fill = theme.paper if box.heat is None else theme.heat(box.heat)
        ink, ink2 = (theme.ink, theme.ink2) if box.heat is None else (text_on(fill),) * 2
        back = self._rect(box, 7, fill, theme.line2) if box.kind == "row" else ""
        sign = theme.kind(box.glyph) if box.heat is None else ink
        # Panels leave room at the left of their note, where the sign that folds them stands.
        room = box.w - 40 - width_of(box.title, 14) - 9 - 262
        words = self._span(box.title, ink, bold=600)
        if note := cut(box.note, 12, room):
            words += self._span(note, ink2, size=12, dx=9)
        out = [back, self._glyph(box.glyph, box.x + 12, middle - 8, sign)]
        out.append(self._text(box.x + 40, middle + 4.5, words))
        for i, (text, right) in enumerate(zip(box.figures, COLUMN_ENDS[:-1], strict=True)):
            span = self._span(text, ink if i == 0 else ink2, bold=0 if i else 500)
            out.append(self._text(box.x + box.w - right, middle + 4.5, span, "end", 12))
        left = box.x + box.w - COLUMN_ENDS[-1] - _BAR
        for wide, share in ((_BAR, 0.09), (max(1.0, _BAR * (box.share or 0.0)), 0.52)):
            colour = mix(ink, fill, share)
            out.append(plate(left, middle - 2.5, wide, 5, 2, colour))
        return "".join(out) + self._mark(box)

    def _expert(self, box: Box) -> str:
        """An expert: as wide as it is to scale, its number, and its width or its heat."""
        theme = self.theme
        tint = theme.shared if box.kind == "shared" else theme.expert
        fill, edge = mix(tint, theme.paper, 0.13), mix(tint, theme.paper, 0.55)
        ink, ink2 = theme.ink, theme.faint(0.78)
        if box.dead:
            fill, edge = "url(#hatch)", theme.error
        elif box.heat is not None:
            fill = edge = theme.heat(box.heat)
            ink = ink2 = text_on(fill) if (box.fill or 0) > box.w * 0.6 else theme.ink
        wide = box.w if box.fill is None else box.fill
        # Wider than to scale, so that it can be hit: the rest is a faint ground for its number.
        track = plate(box.x, box.y, box.w, box.h, 5, mix(tint, theme.paper, 0.05)) if wide < box.w - 1 else ""
        out = [track, self._rect(box, 5, fill, edge, max(2.0, wide))]
        if box.kind == "cell":
            number_ = self._span(box.title, ink, bold=500)
            halo = self._chip(box, theme.error_paper) if box.dead else ""
            out += [halo, self._text(box.x + box.w / 2, box.y + box.h / 2 + 4, number_, "middle", 11)]
            return "".join(out) + self._mark(box)
        out.append(self._text(box.x + 7, box.y + 17, self._span(box.title, ink, bold=650), size=12.5))
        below = (box.heat_text if box.heat is not None and box.w >= 31 else box.note) if box.h > 50 else ""
        if below:
            out.append(self._text(box.x + 7, box.y + box.h - 8, self._span(below, ink2), size=11))
        return "".join(out) + self._mark(box)

    def _chip(self, box: Box, colour: str) -> str:
        """A plain ground under a number on a hatch."""
        w = width_of(box.title, 11) + 5
        x, y = box.x + (box.w - w) / 2, box.y + box.h / 2 - 7
        return plate(x, y, w, 14, 3, colour)

    def _swarm(self, box: Box) -> str:
        """Hundreds of experts: one cell each, and what they are in the middle."""
        theme = self.theme
        lines = -(-box.cells // SWARM_COLUMNS)
        w, h = box.w / SWARM_COLUMNS, box.h / lines
        colour = mix(theme.expert, theme.paper, 0.35) if box.heat is None else theme.heat(box.heat)
        cells = "".join(
            f"M{number(box.x + i % SWARM_COLUMNS * w)} {number(box.y + i // SWARM_COLUMNS * h)}"
            f"h{number(w - 2)}v{number(h - 2)}h{number(2 - w)}z"
            for i in range(box.cells)
        )
        middle, half = box.x + box.w / 2, width_of(box.title, 13) / 2 + 6
        name = self._text(
            middle, box.y + box.h / 2 + 4.5, self._span(box.title, theme.ink, bold=600), "middle"
        )
        ground = plate(middle - half, box.y + box.h / 2 - 10, 2 * half, 20, 4, theme.paper)
        return f'<path d="{cells}" fill="{colour}"/>' + ground + name + self._mark(box)

    def _pill(self, box: Box) -> str:
        """Router and combine: sign, name, words, and the chip of the selection, in the middle of the pill."""
        theme, middle = self.theme, box.y + box.h / 2
        chip = width_of(box.chip, 12) + 18 if box.chip else 0.0
        taken = 16 + 8 + width_of(box.title, 13.5) + 8 + (chip + 8 if chip else 0)
        note = cut(box.note, 12, box.w - taken - 14)
        x = box.x + max(10.0, (box.w - taken - width_of(note, 12)) / 2)
        words = self._span(box.title, theme.ink, bold=600) + self._span(note, theme.ink2, size=12, dx=8)
        out = [
            self._rect(box, box.h / 2, theme.paper, theme.line2),
            self._glyph(box.glyph, x, middle - 8, theme.kind(box.glyph)),
            self._text(x + 24, middle + 4.5, words),
        ]
        if chip:
            left = x + taken + width_of(note, 12) - chip
            out.append(plate(left, middle - 9, chip, 18, 9, mix(theme.accent, theme.paper, 0.1)))
            span = self._span(box.chip, theme.accent, bold=650)
            out.append(self._text(left + chip / 2, middle + 4.5, span, "middle", 12))
        return "".join(out) + self._mark(box)

    def _beside(self, box: Box) -> str:
        """What stands in the margin: how often layers repeat, or which layer this is."""
        theme, right, middle = self.theme, box.x + box.w - 6, box.y + box.h / 2
        if not box.note:
            return self._text(right, middle + 4, self._span(box.title, theme.ink2), "end", 11)
        name = self._text(right, middle - 1, self._span(box.title, theme.ink, bold=650), "end", 15)
        return name + self._text(right, middle + 13, self._span(box.note, theme.ink2), "end", 11)

    def _problem(self, box: Box) -> str:
        theme = self.theme
        paper = theme.error_paper if box.mark == "error" else theme.warning_paper
        text = self._span(cut(box.title, 12.5, box.w - 46), theme.ink)
        return (
            self._rect(box, 7, paper, "none")
            + self._glyph(box.glyph, box.x + 12, box.y + box.h / 2 - 8, theme.kind(box.glyph))
            + self._text(box.x + 36, box.y + box.h / 2 + 4.5, text, size=12.5)
        )

    def _mark(self, box: Box) -> str:
        """The sign of a problem on a corner."""
        if not box.mark:
            return ""
        theme, x, y = self.theme, box.x + box.w - 1, box.y + 1
        paper = theme.error_paper if box.mark == "error" else theme.warning_paper
        colour = theme.kind(box.mark)
        disc = f'<circle cx="{number(x)}" cy="{number(y)}" r="9" fill="{paper}" stroke="{colour}"/>'
        return disc + self._glyph(box.mark, x - 6, y - 6, colour, 12)
