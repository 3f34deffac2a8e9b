"""Figures as cells of the strip: value, unit, change since the previous edit, and how sure it is."""

from dataclasses import dataclass

from core.cost.figure import Figure
from core.cost.format import MISSING, count, delta, show


@dataclass(frozen=True)
class Cell:
    """What one cell says. `band` places low, value and high of an estimate; exact figures have none."""

    label: str
    value: str
    unit: str
    delta: str
    note: str
    band: tuple[float, float, float] | None = None
    said: str = ""
    extra: str = ""


def cell(label: str, figure: Figure | None, before: Figure | None = None, *, extra: str = "") -> Cell:
    """The cell of `figure`; `before` is the same before the last edit.

    `extra` stands behind the unit; without a figure it is the reason why there is none.
    """
    if figure is None:
        return Cell(label, MISSING, "does not fit", "", extra, said=extra)
    shown = show(figure)
    change = delta(before.value, figure.value) if before is not None and before.unit == figure.unit else ""
    band = None
    if figure.low is not None and figure.high is not None:
        band = (figure.low, figure.value, figure.high)
    words = change.replace("↑", "up").replace("↓", "down")
    said = f"{words} against before the last edit, " if change else ""
    value, unit = (shown.value, shown.unit) if figure.unit != "parameters" else (count(figure.value), "")
    unit = unit.removesuffix(" / token") if "per token" in label else unit
    return Cell(label, value, unit, change, shown.band or shown.grade, band, f"{said}{shown.grade}", extra)
