"""The fit matrix: devices x number formats; where something does not fit, the smallest change that helps."""

from __future__ import annotations

from dataclasses import replace

from app.costing.change import change
from app.costing.controls import Chosen
from app.costing.findings import listed
from app.costing.question import Question, costed, needed
from components import page
from components.fit.mount import Cell, Row, fit_table
from core.cost.asking import RefusedError
from core.cost.devices.base import Processor
from core.cost.estimate import Estimate
from core.cost.format import letters, percent, size
from core.design.spec import Design

COLUMNS = (("bf16", "bf16"), ("8 bits", "int8"), ("4 bits", "int4"), ("train, AdamW", "train"))
TIGHT = 0.85


def show(design: Design, chosen: Chosen) -> None:
    """The table of the chosen devices."""
    question = chosen.question
    rows = [_row(design, on, question, first=on is chosen.targets[0]) for on in chosen.targets]
    said = finding(rows, _lacks(design, chosen))
    several = f" of each of {question.devices}" if question.devices > 1 else ""
    page.head(
        said,
        f"Share of the memory{several} that is needed, and tokens per second, at batch {question.batch}."
        " Where it does not fit: what is missing, and the smallest change that helps.",
    )
    fit_table([title for title, _ in COLUMNS], rows, said, key="fit")


def _row(design: Design, on: Processor, question: Question, *, first: bool) -> Row:
    cells = []
    for _, weights in COLUMNS:
        asked = _for(design, on, question, weights)
        shown = first and (asked.phase, asked.weights) == (question.phase, question.weights)
        found = costed(design, on, asked)
        if isinstance(found, RefusedError):
            cells.append(Cell("none", "–", str(found.problems[0].message), shown))
        else:
            cells.append(_cell(design, on, asked, found, shown))
    return Row(on.title, size(on.memory), tuple(cells))


def _for(design: Design, on: Processor, question: Question, weights: str) -> Question:
    """The question in one column: a format of the asked phase, or training."""
    trains = question.phase == "train"
    if weights == "train":
        return replace(question, phase="train", weights=question.weights if trains else on.compute)
    if not trains:
        return replace(question, weights=weights)
    usual = "decode" if design.task.causal_loss else "prefill"
    return replace(question, phase=usual, weights=weights)


def _cell(design: Design, on: Processor, asked: Question, found: Estimate, shown: bool) -> Cell:
    wanted = found.needs.total.value
    share = wanted / found.has
    if share > 1:
        return Cell("not", f"+{size(wanted - found.has)}", change(design, on, asked) or "no plan fits", shown)
    rate = f"{letters(found.rate.value)} tok/s"
    return Cell("tight" if share > TIGHT else "fits", percent(share), rate, shown)


def _lacks(design: Design, chosen: Chosen) -> float:
    """Bytes that the first device lacks in the format that asks for least."""
    on = chosen.targets[0]
    asked = [_for(design, on, chosen.question, weights) for _, weights in COLUMNS[:-1]]
    wanted = [bytes_ for each in asked if (bytes_ := needed(design, on, each)) is not None]
    return min(wanted, default=0.0) - on.usable


def finding(rows: list[Row], lacks: float) -> str:
    """What fits where, in a sentence; `lacks` bytes are missing on the first device at least."""
    full = [
        title
        for (title, _), *cells in zip(COLUMNS, *(row.cells for row in rows), strict=True)
        if all(cell.kind in ("fits", "tight") for cell in cells)
    ]
    if len(full) == len(COLUMNS):
        return "It fits every target in every format, and trains on all of them"
    if full:
        return f"It fits every target in {listed(full)}"
    some = [row.name for row in rows if any(cell.kind in ("fits", "tight") for cell in row.cells)]
    if some:
        return f"It fits {listed(some)} in some formats only"
    return f"It fits no single device; {rows[0].name} misses {size(max(0.0, lacks))} at least"
