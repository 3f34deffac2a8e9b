"""Design -> picture: layers on a residual spine, repeats in brackets, MoE layers opened in place."""

from collections import defaultdict
from collections.abc import Collection, Sequence

from components.canvas import rows, slots
from components.canvas.heat import Heat, coloured
from components.canvas.notes import glyph_of, input_note, output_note, part_note
from components.canvas.pen import BLOCK_GAP, COLUMNS, GAP, GUTTER, LAYER_GAP, Pen
from components.canvas.picture import COLUMN_ENDS, Box, Label, Picture
from components.words import humanise, plural
from core.cost.count import Counts
from core.cost.parts import PartCount
from core.design.bodies.moe import Moe
from core.design.problems import Problem
from core.design.spec import Design, Stack
from core.design.structure import Layer

__all__ = ["COLUMNS", "GUTTER", "draw"]

HEADER = ("parameters", "FLOPs/tok", "weights", "share")
EMPTY = "No layers yet. Drag a part here, or press A, F or M."
#: Height of the place that an empty stack shows.
VOID = 76.0
#: The bracket of a repeat, and how far left of it that of a repeat of several layers stands.
BRACKET, NESTED = GUTTER - 14, 24.0


def draw(
    design: Design,
    counts: Counts,
    problems: Sequence[Problem] = (),
    *,
    opened: Collection[str] = (),
    width: float = COLUMNS[1],
    heat: Heat | None = None,
) -> Picture:
    """The picture of `design` with a column of `width` pixels; `opened` holds pointers of MoE parts.

    `heat` colours the boxes; layout, text and order stay as they are without it.
    """
    by_pointer: dict[str, list[PartCount]] = defaultdict(list)
    for part in counts.parts:
        by_pointer[part.pointer].append(part)
    active = sum(part.times * part.active for part in counts.parts)
    picture = Picture(width=GUTTER + width + 4)
    pen = Pen(design, by_pointer, active, _by_part(design, problems), opened, width, picture)
    _header(pen)
    name, note = input_note(design)
    rows.row(pen, "/task", "embedding", name, note, figures="input", moves=False)
    for s, stack in enumerate(design.stacks):
        _stack(pen, f"/stacks/{s}", stack)
    pen.y += BLOCK_GAP
    name, note = output_note(design)
    target = "/embedding" if design.task.kind == "language_model" else "/task/heads"
    rows.row(pen, target, "head", name, note, figures="head", moves=False)
    picture.height = pen.y + 4
    if heat is not None:
        picture.boxes = [coloured(box, heat) for box in picture.boxes]
        picture.legend = heat.legend()
    return picture


def _by_part(design: Design, problems: Sequence[Problem]) -> dict[str, list[Problem]]:
    """Problems under the pointer of the row they belong to."""
    out: dict[str, list[Problem]] = defaultdict(list)
    known = {part.pointer for part in design.parts()} if problems else set()
    for problem in (one for found in problems for one in found.apart()):
        path = problem.path
        home = "/".join(path.split("/")[:9])
        if home not in known:
            heads = path.startswith("/task/heads") and design.task.kind != "language_model"
            tops = ("/task/heads",) if heads else ("/task", "/embedding")
            home = next((top for top in tops if path.startswith(top)), "")
        out[home].append(problem)
    return out


def _header(pen: Pen) -> None:
    pen.picture.labels += [
        Label(GUTTER + pen.width - right, pen.y + 8, text, "end")
        for text, right in zip(HEADER, COLUMN_ENDS, strict=True)
    ]
    pen.y += 18


def _stack(pen: Pen, pointer: str, stack: Stack) -> None:
    pen.y += BLOCK_GAP
    several = len(pen.design.stacks) > 1
    of = f" of the {humanise(stack.name).lower()}" if several else ""
    if several:
        pen.picture.labels.append(Label(GUTTER + 42, pen.y - 2, humanise(stack.name)))
        pen.y += 12
    pen.depth = 0
    first = slots.of_stack(pointer, stack, 0, 0, of)
    if not stack.layers:
        return _void(pen, first)
    pen.waiting += first
    for r, repeat in enumerate(stack.layers):
        if r:
            alone = repeat.layers == stack.layers[r - 1].layers == 1
            pen.y += LAYER_GAP if alone else BLOCK_GAP
        _repeat(pen, f"{pointer}/layers/{r}", slots.Where(repeat, pen.depth + 1, of))
        pen.waiting += slots.of_stack(pointer, stack, r + 1, pen.depth, of)
    return None


def _void(pen: Pen, first: Sequence[slots.Place]) -> None:
    """Where the first layer will stand."""
    pen.join()
    left, right, bottom = GUTTER, GUTTER + pen.width, pen.y + VOID
    pen.picture.slots += slots.spread(first, pen.y, pen.y + VOID / 2, left, pen.width)
    pen.picture.wire("rule", f"M{left:g} {pen.y:g}H{right:g}V{bottom:g}H{left:g}Z")
    pen.picture.labels.append(Label(left + pen.width / 2, pen.y + VOID * 0.62, EMPTY, "middle"))
    pen.y = pen.last = bottom


def _repeat(pen: Pen, pointer: str, where: slots.Where) -> None:
    repeat, top, line = where.repeat, pen.y, pen.line
    several = len(repeat.pattern) > 1
    for n, layer in enumerate(repeat.pattern):
        pen.y += LAYER_GAP if n else 0
        pen.waiting += slots.of_pattern(pointer, where, n)
        above = pen.y
        _layer(pen, f"{pointer}/pattern/{n}", layer, where, n)
        if several or repeat.layers == 1:
            own = f"{pointer}/pattern/{n}"
            _handle(pen, own if several else pointer, own, str(where.first + n), where.layer(n), above)
    pen.waiting += slots.of_pattern(pointer, where, len(repeat.pattern))
    pen.depth = where.last
    if repeat.layers > 1:
        _bracket(pen, pointer, where, top, line)


def _handle(pen: Pen, target: str, moves: str, number: str, said: str, top: float) -> None:
    """A single layer: a thin bracket beside its rows and its number, by which it is chosen and moved.

    It moves as a layer, so that it fits into repeats too, whatever holds it now.
    """
    x = BRACKET
    pen.picture.wire("bracket", f"M{x + 8:g} {top + 3:g}h-3V{pen.y - 3:g}h3")
    box = Box(
        id=f"{target}#layer",
        kind="repeat",
        target=target,
        x=x - 22,
        y=(top + pen.y) / 2 - 13,
        w=26,
        h=26,
        line=pen.line,
        title=number,
        said=said[0].upper() + said[1:],
        moves=moves,
    )
    pen.picture.boxes.append(box)


def _bracket(pen: Pen, pointer: str, where: slots.Where, top: float, line: int) -> None:
    """The layers that are repeated together, how often, and which these are."""
    several = len(where.repeat.pattern) > 1
    x = BRACKET - (NESTED if several else 0)
    d = f"M{x + 6:g} {top + 2:g}h-2a6 6 0 0 0-6 6V{pen.y - 8:g}a6 6 0 0 0 6 6h2"
    pen.picture.wire("bracket", d)
    box = Box(
        id=pointer,
        kind="repeat",
        target=pointer,
        x=2,
        y=(top + pen.y) / 2 - 18,
        w=x - 10,
        h=36,
        line=line + 1,
        title=f"×{where.repeat.times}",
        note=f"{'' if several else 'layers '}{where.first}–{where.last}",
        said=f"Repeat of {plural(len(where.repeat.pattern), 'layer')}",
        moves=pointer,
    )
    pen.picture.boxes.append(box)


def _layer(pen: Pen, pointer: str, layer: Layer, where: slots.Where, index: int) -> None:
    for p, part in enumerate(layer.parts):
        pen.y += GAP if p else 0
        pen.waiting += slots.of_parts(pointer, layer.parts, p, where, index)
        target, body = f"{pointer}/parts/{p}", part.body
        if isinstance(body, Moe) and target in pen.opened:
            rows.opened(pen, target, body)
        else:
            folds = "closed" if isinstance(body, Moe) else ""
            rows.row(pen, target, glyph_of(body), humanise(body.kind), part_note(part), folds=folds)
    pen.waiting += slots.of_parts(pointer, layer.parts, len(layer.parts), where, index)
