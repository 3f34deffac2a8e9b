"""The routed experts of an opened layer: boxes to scale, a grid of cells, or surfaces for hundreds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from components.canvas import notes
from components.canvas.picture import Box
from components.canvas.scale import GRID_COLUMNS, HIT, MOST_TO_SCALE, rows_for, segments, unit_width
from core.design.bodies.moe import Moe
from core.design.experts.base import Expert

INSET, RIGHT = 58.0, 22.0
EXPERT, LOW_EXPERT = 60.0, 38.0
SHARED_APART = 46.0
CELL, CELL_GAP = 27.0, 4.0
#: From here on cells are as low as can be hit, so that 256 of them fit a screen.
LOW_CELLS = 129
#: Room below a block of cells for its rule, its label and its handles.
STRIP = 30.0
#: More groups than this flow on in one grid instead of each starting a row of its own.
MOST_BLOCKS = 4
#: Above this the cells are one surface: nobody picks expert 300 by hand.
MOST_CELLS = 256
SWARM_COLUMNS, SWARM_CELL = 32, 9.0


@dataclass(frozen=True)
class Panel:
    """What is drawn, and where: left, top, width of the panel, the spine's x, the line of its head."""

    target: str
    body: Moe
    x: float
    y: float
    w: float
    spine: float
    line: int

    @property
    def shared_in_grid(self) -> float:
        """Width of all shared experts beside a grid, where nothing is to one scale."""
        return 92.0 if self.w >= 600 else 56.0

    @property
    def shared_apart(self) -> float:
        """How far from a grid they stand."""
        return 40.0 if self.w >= 600 else 30.0


@dataclass(frozen=True)
class Block:
    """Neighbouring groups with their words from `left` to `right` below `y`, under a rule if they alone stand
    there: first group, last group. Not `written` where the boxes already say it.
    """

    left: float
    right: float
    y: float
    groups: tuple[int, int]
    text: str
    ruled: bool = True
    written: bool = True


@dataclass(frozen=True)
class Bank:
    """The experts as drawn: left and right edge, bottom, where wires enter, what is ruled off, last line."""

    left: float
    right: float
    bottom: float
    entries: tuple[float, ...]
    picks: frozenset[int]
    boxes: tuple[Box, ...]
    blocks: tuple[Block, ...]
    line: int
    unit: float = 0.0
    marks: tuple[tuple[float, float, float], ...] = ()


def bank(panel: Panel, y: float) -> Bank:
    """Lay out the experts from `y` down."""
    experts = [(g, group) for g, group in enumerate(panel.body.experts) for _ in range(group.count)]
    if len(experts) <= MOST_TO_SCALE:
        return _scaled(panel, experts, y)
    return _grid(panel, experts, y) if len(experts) <= MOST_CELLS else _swarm(panel, y)


def picks(body: Moe) -> frozenset[int]:
    """Experts of the example token: spread evenly, as many as a token gets."""
    k = round(body.per_token)
    if not body.router.select.token_choice or not 0 < k < body.count:
        return frozenset()
    return frozenset((2 * i + 1) * body.count // (2 * k) for i in range(k))


def _columns(body: Moe, columns: int) -> frozenset[int]:
    """Columns of a grid that some of the example's picks stand in: at most every other one."""
    k = min(len(picks(body)), columns // 2)
    return frozenset((2 * i + 1) * columns // (2 * k) for i in range(k))


def _scaled(panel: Panel, experts: list[tuple[int, Expert]], y: float) -> Bank:
    left = panel.x + INSET
    shared = [group.inner for group in panel.body.shared for _ in range(group.count)]
    room = panel.w - INSET - RIGHT - (SHARED_APART if shared else 0)
    gap = 5.0 if len(experts) <= 12 else 3.0
    reserved = min(room / 3, len(shared) * (HIT + gap))
    rows = rows_for(len(experts), room - reserved, gap)
    per_row = -(-len(experts) // rows)
    widths = [expert.inner for _, expert in experts]
    lines = [widths[i : i + per_row] for i in range(0, len(widths), per_row)]
    unit = min(unit_width([*line, *shared], room, gap) for line in lines)
    height = EXPERT if rows == 1 else LOW_EXPERT
    boxes: list[Box] = []
    words = [_words(group) for group in panel.body.experts]
    for r, line in enumerate(lines):
        top = y + r * (height + gap)
        for i, segment in enumerate(segments(line, left, unit, gap), r * per_row):
            g, at = experts[i][0], (segment.x, top, segment.w, height)
            made = _expert_box(panel, i, g, words[g], widths[i], "expert", at, unit, panel.line + 2 + r)
            boxes.append(made)
    right = max(box.x + box.w for box in boxes)
    entries = tuple(box.x + box.w / 2 for box in boxes[:per_row])
    bottom = y + rows * (height + gap) - gap
    chosen = picks(panel.body)
    seen = chosen if rows == 1 else frozenset(pick % per_row for pick in chosen)
    blocks = _under(panel, boxes) if rows == 1 else _shared_out(panel, left, right, bottom)
    marks = () if rows == 1 else _marks(experts, boxes, gap)
    return Bank(left, right, bottom, entries, seen, tuple(boxes), blocks, boxes[-1].line, unit, marks)


def _under(panel: Panel, boxes: Sequence[Box]) -> tuple[Block, ...]:
    """One rule for each group below its boxes; single experts side by side share one."""
    out, first, group = [], 0, 0
    for count, text in notes.group_notes(panel.body.experts):
        last, ends = boxes[first + count - 1], group
        while sum(g.count for g in panel.body.experts[group : ends + 1]) < count:
            ends += 1
        y = last.y + last.h
        out.append(Block(boxes[first].x, last.x + last.w, y, (group, ends), text))
        first, group = first + count, ends + 1
    return tuple(out)


def _shared_out(panel: Panel, left: float, right: float, y: float) -> tuple[Block, ...]:
    """Words for groups that stand in several rows: equal pieces below all of them, or one for all."""
    groups = panel.body.experts
    each = (right - left + 8) / len(groups)
    texts = [f"{group.count} × {notes.expert_size(group)}" for group in groups]
    if len(groups) == 1:
        return (Block(left, right, y, (0, 0), notes.group_notes(groups)[0][1]),)
    if all(each - 8 >= 52 + 6 * len(text) for text in texts):
        return tuple(
            Block(left + i * each, left + (i + 1) * each - 8, y, (i, i), text, ruled=False)
            for i, text in enumerate(texts)
        )
    text = f"{panel.body.count} experts in {len(groups)} groups"
    return (Block(left, right, y, (0, len(groups) - 1), text),)


def _marks(
    experts: Sequence[tuple[int, Expert]], boxes: Sequence[Box], gap: float
) -> tuple[tuple[float, float, float], ...]:
    """Where one group ends and the next begins in a row: x and the two ends of a short line."""
    return tuple(
        (b.x - gap / 2, b.y - 1, b.y + b.h + 1)
        for (g, _), (h, _), a, b in zip(experts, experts[1:], boxes, boxes[1:], strict=False)
        if g != h and a.y == b.y
    )


def _expert_box(
    panel: Panel,
    number: int,
    group: int,
    words: tuple[str, str],
    inner: int,
    kind: Literal["expert", "cell"],
    at: tuple[float, float, float, float],
    unit: float,
    line: int,
) -> Box:
    """One expert. `words` are its size and what it is, `at` left, top, width and height, `unit` its scale.

    Made in one go: there are hundreds of them, and copying one costs more than making it.
    """
    x, y, w, h = at
    size, said = words
    target = f"{panel.target}/body/experts/{group}"
    return Box(
        id=f"{target}@{number}",
        kind=kind,
        target=target,
        x=x,
        y=y,
        w=w,
        h=h,
        line=line,
        title=str(number),
        note=size if kind == "expert" and w >= 31 and h >= EXPERT else "",
        fill=inner * unit,
        said=f"Expert {number}: {said}",
        scale=unit if inner else 0.0,
        inner=inner,
        number=number,
        moves=target,
    )


def _words(group: Expert) -> tuple[str, str]:
    return notes.expert_size(group), notes.expert_words(group)


def _grid_room(panel: Panel) -> float:
    room = panel.w - INSET - RIGHT
    return room - (panel.shared_in_grid + panel.shared_apart if panel.body.shared else 0)


def _grid(panel: Panel, experts: list[tuple[int, Expert]], y: float) -> Bank:
    """Cells in columns; a few groups stand in blocks of their own, many flow on with lines between them."""
    left, room = panel.x + INSET, _grid_room(panel)
    low = len(experts) >= LOW_CELLS
    height, gap = (HIT, 3.0) if low else (CELL, CELL_GAP)
    columns = min(GRID_COLUMNS, int((room + gap) // (HIT + gap)))
    w = (room - gap * (columns - 1)) / columns
    groups = panel.body.experts
    unit = w / max(1, *(group.inner for group in groups))
    apart = 1 < len(groups) <= MOST_BLOCKS
    runs = [group.count for group in groups] if apart else [len(experts)]
    boxes: list[Box] = []
    blocks: list[Block] = []
    top, line = y, panel.line + 2
    words, inner = [_words(group) for group in groups], [group.inner for group in groups]
    for run, count in enumerate(runs):
        for i in range(count):
            g = experts[len(boxes)][0]
            row, column = divmod(i, columns)
            at = (left + column * (w + gap), top + row * (height + gap), w, height)
            boxes.append(_expert_box(panel, len(boxes), g, words[g], inner[g], "cell", at, unit, line + row))
        bottom = boxes[-1].y + height
        if apart:
            right = left + min(count, columns) * (w + gap) - gap
            text = notes.group_notes([groups[run]])[0][1]
            blocks.append(Block(left, max(right, left + 150), bottom, (run, run), text))
        top, line = bottom + STRIP, boxes[-1].line + 1
    right = left + room
    entries = tuple(left + c * (w + gap) + w / 2 for c in range(columns))
    ruled = tuple(blocks) if apart else _shared_out(panel, left, right, bottom)
    marks = () if apart else _marks(experts, boxes, gap)
    return Bank(
        left, right, bottom, entries, _columns(panel.body, columns), tuple(boxes), ruled, line - 1, 0.0, marks
    )


def _swarm(panel: Panel, y: float) -> Bank:
    """Hundreds of experts: one surface for each group, drawn as cells by the browser."""
    left, room = panel.x + INSET, _grid_room(panel)
    groups = panel.body.experts
    apart = len(groups) <= MOST_BLOCKS
    boxes, blocks, top, bottom = [], [], y, y
    for g, group in enumerate(groups):
        target = f"{panel.target}/body/experts/{g}"
        text = notes.group_notes([group])[0][1]
        height = max(HIT, -(-group.count // SWARM_COLUMNS) * SWARM_CELL)
        box = Box(
            id=target,
            kind="swarm",
            target=target,
            x=left,
            y=top,
            w=room,
            h=height,
            line=panel.line + 2 + g,
            title=text,
            said=notes.expert_words(group),
            moves=target,
            cells=group.count,
        )
        boxes.append(box)
        bottom = top + height
        blocks.append(Block(left, left + room, bottom, (g, g), text, written=False))
        top = bottom + (STRIP if apart else CELL_GAP)
    entries = tuple(left + room * (c + 0.5) / GRID_COLUMNS for c in range(GRID_COLUMNS))
    seen = _columns(panel.body, GRID_COLUMNS)
    ruled = tuple(blocks) if apart else _shared_out(panel, left, left + room, bottom)
    return Bank(left, left + room, bottom, entries, seen, tuple(boxes), ruled, boxes[-1].line)
