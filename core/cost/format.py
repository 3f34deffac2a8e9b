"""Numbers in words: three significant figures, thin spaces, SI letters, bands, deltas.

Pure functions of numbers, so that the pages and the command line say the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from core.cost.figure import Figure

THIN = "\u2009"
MINUS = "\u2212"
MISSING = DASH = "\u2013"
UP, DOWN, SAME = "\u2191", "\u2193", "same"

_LETTERS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
_PREFIXES = ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))
_SECONDS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
#: A smaller relative change is called the same.
_SAME = 0.0005


def _exponent(value: float, figures: int = 3) -> int:
    """Power of ten of the first digit once rounded, so that 999.6 counts as a thousand."""
    return int(f"{abs(value):.{figures - 1}e}".split("e")[1])


def fixed(value: float, places: int) -> str:
    """A number with this many decimals, grouped by thin spaces, with a real minus."""
    text = f"{abs(value):,.{max(0, places)}f}".replace(",", THIN)
    return f"{MINUS}{text}" if value < 0 and float(text.replace(THIN, "")) else text


def significant(value: float, figures: int = 3) -> str:
    """Three significant figures, noughts too, for numbers beside each other: `0.500`, `0.523`, `14.0`.

    A dash for what is no number.
    """
    if not math.isfinite(value):
        return MISSING
    decimals = figures - 1 - _exponent(value, figures)
    return fixed(round(value, decimals), decimals)


def rounded(value: float, figures: int = 3) -> str:
    """Three significant figures: `12.9`, `0.59`, `14.0`; a second decimal that is 0 is left out."""
    text = significant(value, figures)
    return text[:-1] if len(text.partition(".")[2]) >= 2 and text.endswith("0") else text


def digits(value: float) -> str:
    """Whole numbers below ten thousand with all their digits, `1 024`; others as `rounded`."""
    if float(value).is_integer() and abs(value) < 10_000:
        return fixed(value, 0)
    return rounded(value)


def count(value: float) -> str:
    """How many: `46.7 B`, `602.9 M`, `16.4 k`; whole numbers below ten thousand with all digits, `1 024`."""
    if float(value).is_integer() and abs(value) < 10_000:
        return fixed(value, 0)
    return letters(value)


def letters(value: float) -> str:
    """As `count`, but with a letter from a thousand on, `8.2 k`: for cells that are compared at a glance."""
    return THIN.join(part for part in _lettered(value) if part)


def _lettered(value: float) -> tuple[str, str]:
    for step, letter in _LETTERS:
        if value and 10.0 ** _exponent(value) >= step:
            scaled = value / step
            # Hundreds keep one decimal: 602.9 M and 0.6 B would hide what an edit changed.
            return (fixed(scaled, 1) if abs(scaled) >= 100 else rounded(scaled)), letter
    return digits(value), ""


def prefixed(value: float, unit: str, *, least: float = 1.0) -> tuple[str, str]:
    """Value and unit with an SI prefix, which stands from `least` of itself on: ("13.8", "GB")."""
    step, prefix = next(
        ((s, p) for s, p in _PREFIXES if value and abs(value) >= least * s * 0.9995), (1.0, "")
    )
    return (rounded if prefix else digits)(value / step), f"{prefix}{unit}"


def size(value: float) -> str:
    """Bytes in powers of ten: `13.8 GB`."""
    return THIN.join(prefixed(value, "B"))


def work(value: float) -> str:
    """FLOPs: `0.59 GFLOP`."""
    return THIN.join(prefixed(value, "FLOP", least=0.1))


def percent(share: float) -> str:
    """A share of one: `54.2 %`."""
    value = 100 * share
    return f"{fixed(value, 0 if abs(value) >= 99.95 or value == 0 else 1)}{THIN}%"


def points(difference: float) -> str:
    """A difference of two shares: `+1.2 points`."""
    return f"{'+' if difference > 0 else ''}{fixed(100 * difference, 1)}{THIN}points"


def seconds(value: float) -> str:
    """A short time with its unit: `0.91 ms`; a long one as `duration`."""
    if value >= 100:
        return duration(value)
    step, unit = _step(value)
    return f"{digits(value / step)}{THIN}{unit}"


def _step(value: float) -> tuple[float, str]:
    return next(((s, u) for s, u in _SECONDS if value >= 0.1 * s), _SECONDS[-1])


def duration(value: float) -> str:
    """A time people wait: `41 s`, `2 min 10 s`, `3 h 5 min`, `2 d 4 h`."""
    whole = round(max(0.0, value))
    for big, large, small, little in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= big:
            rest = whole % big // small
            return f"{whole // big}{THIN}{large}" + (f" {rest}{THIN}{little}" if rest else "")
    return f"{whole}{THIN}s"


def ago(value: float) -> str:
    """How long since: `12 s ago`."""
    return f"{duration(value)} ago"


def left(value: float, low: float | None = None, high: float | None = None) -> str:
    """How long still: `41 s left (38–46)`; minutes and more carry their units in the band."""
    text = f"{duration(value)} left"
    if low is None or high is None:
        return text
    band = f"{round(low)}{DASH}{round(high)}" if high < 60 else f"{duration(low)}{DASH}{duration(high)}"
    return f"{text} ({band})"


def delta(before: float, after: float) -> str:
    """Change against before: `↓ 1.5 %`, `same` under 0.05 %; from zero the change itself."""
    change = after - before
    if change == 0 or (before and abs(change / before) < _SAME):
        return SAME
    arrow = UP if change > 0 else DOWN
    return f"{arrow}{THIN}{percent(abs(change / before)) if before else letters(abs(change))}"


@dataclass(frozen=True)
class Shown:
    """A figure as it is printed: value, unit, band (empty if exact), grade."""

    value: str
    unit: str
    band: str
    grade: str

    def __str__(self) -> str:
        text = f"{self.value}{THIN}{self.unit}".strip() if self.unit else self.value
        return "  ".join(part for part in (text, self.band, self.grade) if part)


def show(figure: Figure | None) -> Shown:
    """Words for a figure; a dash where there is none."""
    if figure is None:
        return Shown(MISSING, "", "", "")
    value, step, unit = _in_unit(figure)
    if figure.low is None or figure.high is None or figure.low == figure.high:
        return Shown(value, unit, "", figure.grade)
    scaled = [number / step for number in (figure.value, figure.low, figure.high)]
    decimals = places(*scaled)
    middle, low, high = (fixed(number, decimals) for number in scaled)
    return Shown(middle, unit, f"{low}{DASH}{high}", figure.grade)


def places(value: float, low: float, high: float) -> int:
    """Decimals that the band supports: the last digit is at most a tenth of its half width; three figures."""
    most = 2 - _exponent(value) if value else 2
    half = (high - low) / 2
    return max(0, min(most, 1 - math.floor(math.log10(half))) if half > 0 else most)


def _in_unit(figure: Figure) -> tuple[str, float, str]:
    """Text, step and unit of a figure's value in a prefix that suits it."""
    name, _, per = figure.unit.partition(" / ")
    tail = f" / {per}" if per else ""
    value = figure.value
    if name == "s":
        step, unit = _step(value)
        return digits(value / step), step, unit + tail
    if name in ("bytes", "FLOP", "FLOP/s", "bytes/s"):
        symbol = name.replace("bytes", "B")
        text, unit = prefixed(value, symbol, least=0.1 if symbol.startswith("FLOP") else 1.0)
        prefix = unit.removesuffix(symbol)
        return text, next(s for s, p in _PREFIXES if p == prefix), unit + tail
    text = count(value)
    step, letter = next(((s, x) for s, x in _LETTERS if text.endswith(THIN + x)), (1.0, ""))
    return text.removesuffix(THIN + letter) if letter else text, step, f"{letter} {figure.unit}".strip()
