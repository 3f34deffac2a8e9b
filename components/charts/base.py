"""What all charts share: axes, grid, labels with a halo, dashes."""

from __future__ import annotations

from typing import Any

import altair as alt

from components.charts.palette import Palette

Drawing = alt.Chart | alt.LayerChart | alt.FacetChart

#: Axis labels in thousands with a thin space.
THOUSANDS = "replace(format(datum.value, ','), /,/g, '\u2009')"
#: Axis labels of shares in percent, with the thin space that figures have.
PERCENT = "format(100 * datum.value, '.3~f') + '\u2009%'"
#: One dash a series, so that none is told by its colour alone.
DASHES = ([1, 0], [6, 2], [2, 2], [8, 2, 2, 2], [10, 4], [4, 4], [1, 3], [12, 2, 2, 2, 2, 2])


def framed(chart: Drawing, palette: Palette, height: int) -> Drawing:
    """The chart without a frame, in the theme's greys, aligned with the text of its card."""
    return (
        chart.properties(height=height, padding={"left": 0, "right": 6, "top": 4, "bottom": 2})
        .configure_view(stroke=None)
        .configure_axis(
            labelFontSize=11,
            titleFontSize=11,
            titleFontWeight="normal",
            titleColor=palette.ink2,
            labelColor=palette.ink2,
            labelFlush=False,
            domainColor=palette.line,
            gridColor=palette.line,
            tickColor=palette.line,
        )
    )


def text_with_halo(base: alt.Chart, palette: Palette, *, size: float = 12, **mark: Any) -> Drawing:
    """Labels in ink over a copy in paper, so that lines below do not cross them out."""
    halo = base.mark_text(fontSize=size, stroke=palette.paper, strokeWidth=4, color=palette.paper, **mark)
    return alt.layer(halo, base.mark_text(fontSize=size, color=palette.ink, **mark))


def past(end: str, mark: str, wide: str, gap: int) -> alt.ExprRef:
    """Pixels from column `end` to words as `wide` right of it: past a `mark` that would cross them out."""
    away = f"(scale('x', datum['{mark}']) - scale('x', datum['{end}']))"
    crossed = f"{away} > -2 && {away} < {gap} + datum['{wide}'] + 6"
    return alt.expr(f"{gap} + ({crossed} ? max(0, {away}) : 0)")


def apart(values: list[float], gap: float) -> list[float]:
    """The nearest places to `values`, in the same order, that are at least `gap` apart."""
    order = sorted(range(len(values)), key=lambda i: values[i])
    # Neighbours that are too close become one block around their mean, until no two blocks overlap.
    blocks: list[list[int]] = []
    centers: list[float] = []
    for i in order:
        blocks.append([i])
        centers.append(values[i])
        while len(blocks) > 1 and _overlap(blocks[-2:], centers[-2:], gap):
            merged = blocks[-2] + blocks[-1]
            blocks[-2:] = [merged]
            centers[-2:] = [sum(values[j] for j in merged) / len(merged)]
    placed = [0.0] * len(values)
    for block, center in zip(blocks, centers, strict=True):
        for rank, i in enumerate(block):
            placed[i] = center + (rank - (len(block) - 1) / 2) * gap
    return placed


def _overlap(blocks: list[list[int]], centers: list[float], gap: float) -> bool:
    return centers[1] - centers[0] < (len(blocks[0]) + len(blocks[1])) / 2 * gap - 1e-12
