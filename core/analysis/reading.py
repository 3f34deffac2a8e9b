"""The words beside a figure: what it shows, what chance alone would give, and the trap it avoids."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np

from core.design.saying import THIN, plural


@dataclass(frozen=True)
class Reading:
    """One sentence each. `chance` is None where there is no level to compare with."""

    shows: str
    trap: str
    chance: str | None = None

    def __str__(self) -> str:
        return " ".join(part for part in (self.shows, self.chance, self.trap) if part)


def plain(value: Any) -> Any:
    """A result as JSON holds it: arrays as lists, numbers that are not finite as None."""
    if is_dataclass(value) and not isinstance(value, type):
        return {entry.name: plain(getattr(value, entry.name)) for entry in fields(value)}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def figure(value: float) -> str:
    """Three significant digits, as sentences write a number."""
    if not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    rounded = round(value, 2 - math.floor(math.log10(abs(value))))
    # 0.9996 is 1.00: rounding may have brought a digit before the point.
    digits = 2 - math.floor(math.log10(abs(rounded)))
    return f"{rounded:,.{max(0, digits)}f}".replace(",", THIN)


def counted(number: int, name: str) -> str:
    """ "1 expert", "3 experts"."""
    return plural(number, name)
