"""One part of a layer in the drawing: its row, or its panel where it is opened, and its problem below."""

from collections.abc import Sequence

from components.canvas import moe_panel
from components.canvas.bank import Panel
from components.canvas.letters import fitting, width_of
from components.canvas.pen import GUTTER, PROBLEM, SPINE, Pen
from components.canvas.picture import Box, Fix
from components.words import humanise
from core.design.bodies.moe import Moe
from core.design.problems import Problem

#: Pixels of a row that its columns, glyph and margins take, and the sign that folds it.
_TAKEN, _FOLD = 328.0, 18.0


def row(
    pen: Pen,
    target: str,
    glyph: str,
    name: str,
    note: str,
    *,
    figures: str = "",
    folds: str = "",
    moves: bool = True,
) -> None:
    """Draw a closed part. `figures` names the end of the model whose figures these are."""
    pen.join()
    texts, share = pen.figures("/task" if figures else target, figures)
    problems = pen.problems.get(target, ())
    pen.line += 1
    box = Box(
        id=target,
        kind="row",
        target=target,
        x=GUTTER,
        y=pen.y,
        w=pen.width,
        h=pen.row,
        line=pen.line,
        glyph=glyph,
        title=name,
        note=fitting(note, 12, _room(pen, name, folds)),
        figures=texts,
        share=share,
        mark=_worst(problems),
        folds=folds,
        said=_spoken(texts, problems),
        moves=target if moves else "",
    )
    pen.picture.boxes.append(box)
    pen.y += pen.row
    _problem(pen, target, problems)
    pen.last = pen.y


def opened(pen: Pen, target: str, body: Moe) -> None:
    """Draw an MoE layer with its router and experts."""
    pen.join()
    texts, share = pen.figures(target)
    problems = pen.problems.get(target, ())
    pen.line += 1
    name = humanise(body.kind)
    panel = Panel(target, body, GUTTER, pen.y, pen.width, SPINE, pen.line)
    drawn = moe_panel.draw(panel)
    bottom = drawn.bottom + (PROBLEM if problems else 0)
    marked = moe_panel.marks(drawn.boxes, target, problems)
    head = Box(
        id=target,
        kind="open",
        target=target,
        x=GUTTER,
        y=pen.y,
        w=pen.width,
        h=moe_panel.HEAD,
        line=pen.line,
        glyph="moe",
        title=name,
        note=moe_panel.note(body, _room(pen, name, "open")),
        figures=texts,
        share=share,
        mark=_worst(problems) if marked == drawn.boxes else "",
        folds="open",
        said=_spoken(texts, problems),
        moves=target,
    )
    back = Box(id=f"{target}#panel", kind="panel", x=GUTTER, y=pen.y, w=pen.width, h=bottom - pen.y)
    pen.picture.boxes += [back, head, *marked]
    pen.picture.wires += drawn.wires
    pen.picture.labels += drawn.labels
    pen.line = drawn.line
    pen.y = drawn.bottom
    _problem(pen, target, problems)
    pen.last = pen.y


def _room(pen: Pen, name: str, folds: str) -> float:
    """Pixels for the note beside a name."""
    return pen.width - _TAKEN - width_of(name, 13.5) - (_FOLD if folds else 0.0)


def _problem(pen: Pen, target: str, problems: Sequence[Problem]) -> None:
    """The first problem of a part, with its buttons, at its foot."""
    if not problems:
        return
    first = problems[0]
    more = f" And {len(problems) - 1} more." if len(problems) > 1 else ""
    fixes = tuple(
        Fix(edit.label, {**edit.model_dump(mode="json"), "revision": pen.design.sha})
        for edit in first.edits[:2]
    )
    box = Box(
        id=f"{target}#problem",
        kind="problem",
        x=GUTTER + 1,
        y=pen.y,
        w=pen.width - 2,
        h=PROBLEM - 1,
        line=pen.line,
        glyph=first.severity,
        title=first.message + more,
        mark=first.severity,
        fixes=fixes,
    )
    pen.picture.boxes.append(box)
    pen.y += PROBLEM


def _worst(problems: Sequence[Problem]) -> str:
    return "error" if any(p.severity == "error" for p in problems) else "warning" if problems else ""


def _spoken(texts: tuple[str, ...], problems: Sequence[Problem]) -> str:
    """What a screen reader says after name and note."""
    told = f"{texts[0]} parameters, {texts[1]} FLOPs per token"
    return "; ".join([told, *(f"{p.severity}: {p.message}" for p in problems)])
