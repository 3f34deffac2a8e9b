"""Colours of a drawing outside the browser, mixed as `components/base.css` mixes them."""

from dataclasses import dataclass

#: Red, green and blue weigh this much in brightness (WCAG 2.2, relative luminance).
_WEIGHTS = (0.2126, 0.7152, 0.0722)


@dataclass(frozen=True)
class Theme:
    """Colours as `#RRGGBB`: those of the theme, four kinds of part, and the ramp of a heat drawing."""

    ink: str
    paper: str
    well: str
    line: str
    accent: str
    warning: str
    warning_paper: str
    error: str
    error_paper: str
    attention: str
    expert: str
    router: str
    shared: str
    ramp: tuple[str, ...]
    font: str = "Inter, sans-serif"

    def faint(self, share: float, *, on: str = "") -> str:
        """Ink on paper, so much of it."""
        return mix(self.ink, on or self.paper, share)

    @property
    def ink2(self) -> str:
        """Secondary text."""
        return self.faint(0.68)

    @property
    def line2(self) -> str:
        """Borders of parts and thin wires."""
        return self.faint(0.22)

    def kind(self, glyph: str) -> str:
        """The colour of a part's sign."""
        kinds = {"attention": self.attention, "moe": self.expert, "expert": self.expert}
        kinds |= {"router": self.router, "shared": self.shared}
        kinds |= {"warning": self.warning, "error": self.error}
        return kinds.get(glyph, self.ink2)

    def heat(self, value: float) -> str:
        """The ramp at `value`, 0 to 1."""
        place = min(1.0, max(0.0, value)) * (len(self.ramp) - 1)
        low = min(int(place), len(self.ramp) - 2)
        return mix(self.ramp[low + 1], self.ramp[low], place - low)


def mix(one: str, other: str, share: float) -> str:
    """`share` of one colour in another, in sRGB as CSS does."""
    pairs = zip(_rgb(one), _rgb(other), strict=True)
    return "#" + "".join(f"{round(255 * (a * share + b * (1 - share))):02X}" for a, b in pairs)


def text_on(colour: str) -> str:
    """Black or white, whichever reads better."""
    light = _luminance(colour)
    return "#FFFFFF" if 1.05 / (light + 0.05) > (light + 0.05) / 0.05 else "#000000"


def _rgb(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))


def _luminance(colour: str) -> float:
    linear = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in _rgb(colour))
    return sum(weight * part for weight, part in zip(_WEIGHTS, linear, strict=True))
