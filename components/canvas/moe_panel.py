"""An MoE layer opened in place: router, experts to scale, combine; shared experts apart on a dashed wire."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from components.canvas import notes
from components.canvas.picture import Box, Label, Wire
from components.canvas.scale import GRID_COLUMNS, HIT, MOST_TO_SCALE, rows_for, segments, unit_width
from components.words import humanise
from core.design.bodies.moe import Moe
from core.design.experts.base import Expert
from core.design.problems import Problem

HEAD, INSET, RIGHT = 36.0, 58.0, 22.0
ROUTER, COMBINE, EXPERT = 42.0, 30.0, 60.0
SHARED_APART, SHARED_IN_GRID = 46.0, 92.0
CELL, CELL_GAP = 27.0, 4.0
#: Above this the cells are one surface: nobody picks expert 300 by hand.
MOST_CELLS = 256
SWARM_COLUMNS, SWARM_CELL = 32, 9.0


@dataclass(frozen=True)
class Panel:
    """What is drawn, and where: left, top, width of the panel, the spine's x, the line of its head."""

    target: str
    body: Moe
    width: int
    x: float
    y: float
    w: float
    spine: float
    line: int


@dataclass
class Drawn:
    """Boxes, wires and labels of a panel, its lower edge and its last line."""

    bottom: float
    line: int
    boxes: list[Box] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)


@dataclass(frozen=True)
class Bank:
    """The experts as drawn: left and right edge, bottom, where wires enter, and where they leave."""

    left: float
    right: float
    bottom: float
    entries: tuple[float, ...]
    picks: frozenset[int]
    boxes: tuple[Box, ...]
    unit: float


def note(body: Moe, width: float) -> str:
    """What stands beside the name; the bold wires are explained where there are any, and room for it."""
    bold = width > 600 and body.router.select.token_choice and body.count > body.per_token
    return notes.moe_note(body) + (". Bold: an example" if bold else "")


def draw(panel: Panel) -> Drawn:
    """Lay the panel out; its head stands in the first HEAD pixels."""
    top = panel.y + HEAD
    router_y = top + 16
    experts_y = router_y + ROUTER + 44
    bank = _bank(panel, experts_y)
    combine_y = bank.bottom + 22 + 34
    middle = (bank.left + bank.right) / 2
    out = Drawn(bottom=combine_y + COMBINE + 16, line=panel.line + 3)
    _router(panel, out, bank, middle, router_y, top)
    _fan(out, bank, middle, router_y + ROUTER, experts_y)
    out.boxes += bank.boxes
    _rules(panel, out, bank)
    shared = _shared(panel, out, bank, experts_y, top)
    _combine(panel, out, bank, middle, combine_y, shared, top)
    return out


def _picks(body: Moe) -> frozenset[int]:
    """Experts of the example token: spread evenly, as many as a token gets."""
    k = round(body.per_token)
    if not body.router.select.token_choice or not 0 < k < body.count:
        return frozenset()
    return frozenset((2 * i + 1) * body.count // (2 * k) for i in range(k))


def _flat(body: Moe) -> list[tuple[int, Expert]]:
    """Every routed expert with the number of its group."""
    return [(g, group) for g, group in enumerate(body.experts) for _ in range(group.count)]


def _bank(panel: Panel, y: float) -> Bank:
    experts = _flat(panel.body)
    if len(experts) <= MOST_TO_SCALE:
        return _scaled(panel, experts, y)
    return _grid(panel, experts, y) if len(experts) <= MOST_CELLS else _swarm(panel, experts, y)


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
    height = EXPERT if rows == 1 else 38.0
    boxes: list[Box] = []
    for r, line in enumerate(lines):
        for i, segment in enumerate(segments(line, left, unit, gap)):
            group, expert = experts[r * per_row + i]
            boxes.append(
                _expert_box(
                    panel,
                    r * per_row + i,
                    group,
                    expert,
                    segment.x,
                    y + r * (height + gap),
                    segment.w,
                    height,
                )
            )
            boxes[-1] = replace(boxes[-1], fill=segment.fill)
    right = max(box.x + box.w for box in boxes)
    entries = tuple(box.x + box.w / 2 for box in boxes[:per_row])
    bottom = y + rows * (height + gap) - gap
    picks = _picks(panel.body)
    seen = picks if rows == 1 else frozenset(pick % per_row for pick in picks)
    return Bank(left, right, bottom, entries, seen, tuple(boxes), unit)


def _expert_box(
    panel: Panel, number: int, group: int, expert: Expert, x: float, y: float, w: float, height: float
) -> Box:
    said = notes.expert_words(expert)
    return Box(
        id=f"{panel.target}/body/experts/{group}@{number}",
        kind="expert",
        target=f"{panel.target}/body/experts/{group}",
        x=x,
        y=y,
        w=w,
        h=height,
        line=panel.line + 2,
        title=str(number),
        note=notes.expert_size(expert) if w >= 31 and height >= EXPERT else "",
        said=f"Expert {number}: {said}",
    )


def _grid_room(panel: Panel) -> float:
    room = panel.w - INSET - RIGHT
    return room - (SHARED_IN_GRID + 40 if panel.body.shared else 0)


def _grid(panel: Panel, experts: list[tuple[int, Expert]], y: float) -> Bank:
    left, room = panel.x + INSET, _grid_room(panel)
    columns = min(GRID_COLUMNS, int((room + CELL_GAP) // (HIT + CELL_GAP)))
    w = (room - CELL_GAP * (columns - 1)) / columns
    widest = max(expert.inner for _, expert in experts) or 1
    boxes = []
    for i, (group, expert) in enumerate(experts):
        x = left + i % columns * (w + CELL_GAP)
        top = y + i // columns * (CELL + CELL_GAP)
        box = _expert_box(panel, i, group, expert, x, top, w, CELL)
        boxes.append(replace(box, kind="cell", note="", fill=w * expert.inner / widest))
    entries = tuple(left + c * (w + CELL_GAP) + w / 2 for c in range(columns))
    picks = frozenset(pick % columns for pick in _picks(panel.body))
    bottom = y + -(-len(experts) // columns) * (CELL + CELL_GAP) - CELL_GAP
    return Bank(left, left + columns * (w + CELL_GAP) - CELL_GAP, bottom, entries, picks, tuple(boxes), 0.0)


def _swarm(panel: Panel, experts: list[tuple[int, Expert]], y: float) -> Bank:
    """Hundreds of experts: one surface for each group, drawn as cells by the browser."""
    left, room = panel.x + INSET, _grid_room(panel)
    boxes, top = [], y
    for g, group in enumerate(panel.body.experts):
        lines = -(-group.count // SWARM_COLUMNS)
        height = max(HIT, lines * SWARM_CELL)
        box = Box(
            id=f"{panel.target}/body/experts/{g}",
            kind="swarm",
            target=f"{panel.target}/body/experts/{g}",
            x=left,
            y=top,
            w=room,
            h=height,
            line=panel.line + 2,
            title=f"{group.count} experts × {notes.expert_size(group)}",
            said=notes.expert_words(group),
        )
        boxes.append(box)
        top += height + CELL_GAP
    entries = tuple(left + room * (c + 0.5) / GRID_COLUMNS for c in range(GRID_COLUMNS))
    picks = frozenset(range(1, GRID_COLUMNS, 2)) if _picks(panel.body) else frozenset()
    return Bank(left, left + room, top - CELL_GAP, entries, picks, tuple(boxes), 0.0)


def _router(panel: Panel, out: Drawn, bank: Bank, middle: float, y: float, top: float) -> None:
    body = panel.body
    text, chip = notes.router_note(body), notes.select_note(body.router)
    wanted = 124 + 6.4 * len(text) + 8 * len(chip)
    w = max(120.0, min(bank.right - bank.left, wanted))
    out.boxes.append(
        Box(
            id=f"{panel.target}/body/router",
            kind="router",
            target=f"{panel.target}/body/router",
            x=middle - w / 2,
            y=y,
            w=w,
            h=ROUTER,
            line=panel.line + 1,
            glyph="router",
            title="Router",
            note=text,
            chip=chip,
        )
    )
    s, centre = panel.spine, y + ROUTER / 2
    start = f"M{s} {top + 2}C{s} {centre} {s + 20} {centre} "
    out.wires.append(Wire("spine", f"{start}{middle - w / 2:.1f} {centre}"))


def _fan(out: Drawn, bank: Bank, middle: float, top: float, experts_y: float) -> None:
    """Wires from the router to every expert, the picked ones on top."""
    for picked in (False, True):
        for i, x in enumerate(bank.entries):
            if (i in bank.picks) == picked:
                start, bend = middle + (x - middle) * 0.16, middle + (x - middle) * 0.3
                d = f"M{start:.1f} {top}C{bend:.1f} {top + 24} {x:.1f} {experts_y - 26} {x:.1f} {experts_y}"
                out.wires.append(Wire("pick" if picked else "fan", d))


def _rules(panel: Panel, out: Drawn, bank: Bank) -> None:
    """Below the experts: which ones are alike."""
    y = bank.bottom + 6
    if bank.boxes[0].kind != "expert" or any(box.y != bank.boxes[0].y for box in bank.boxes):
        rules = [(panel.body.count, ", ".join(text for _, text in notes.group_notes(panel.body.experts)[:4]))]
        spans = [(bank.left, bank.right)]
    else:
        rules, spans, first = notes.group_notes(panel.body.experts), [], 0
        for count, _ in rules:
            last = bank.boxes[first + count - 1]
            spans.append((bank.boxes[first].x, last.x + last.w))
            first += count
    for (_, text), (left, right) in zip(rules, spans, strict=True):
        out.wires.append(Wire("rule", f"M{left:.1f} {y}v4H{right:.1f}v-4"))
        if 5.4 * len(text) <= right - left + 16:
            out.labels.append(Label((left + right) / 2, y + 17, text, "middle"))


def _shared(panel: Panel, out: Drawn, bank: Bank, y: float, top: float) -> list[float]:
    """Shared experts to the right, past the router; gives the x of their wires."""
    body, centres = panel.body, []
    x = bank.right + (SHARED_APART if bank.unit else 40)
    below = bank.bottom + 6
    for g, group in enumerate(body.shared):
        for copy in range(group.count):
            drawn = (
                group.inner * bank.unit if bank.unit else SHARED_IN_GRID / sum(e.count for e in body.shared)
            )
            w = max(HIT, drawn)
            number = f" {copy + 1}" if group.count > 1 else ""
            out.boxes.append(
                Box(
                    id=f"{panel.target}/body/shared/{g}@{copy}",
                    kind="shared",
                    target=f"{panel.target}/body/shared/{g}",
                    x=x,
                    y=y,
                    w=w,
                    h=min(bank.bottom - y, EXPERT) if not bank.unit else bank.bottom - y,
                    line=panel.line + 2,
                    title="Shared" if w >= 54 else "S",
                    note=notes.expert_size(group) if w >= 31 else "",
                    fill=drawn,
                    said=f"Shared expert{number}: {notes.expert_words(group)}, for every token",
                )
            )
            centre, box = x + w / 2, out.boxes[-1]
            out.wires.append(Wire("skip", _over(panel.spine, centre, top + 2, box.y)))
            foot = box.y + box.h + 6
            out.wires.append(Wire("rule", f"M{x:.1f} {foot}v4H{x + w:.1f}v-4"))
            centres.append(centre)
            x += w + 5
    if centres:
        foot = below if bank.unit else out.boxes[-1].y + out.boxes[-1].h + 6
        out.labels.append(Label(sum(centres) / len(centres), foot + 17, "every token", "middle"))
    return centres


def _over(start: float, end: float, y: float, down: float) -> str:
    """Along y, past the router, round the corner and down."""
    return f"M{start} {y}H{end - 14:.1f}Q{end:.1f} {y} {end:.1f} {y + 14}V{down}"


def _combine(
    panel: Panel, out: Drawn, bank: Bank, middle: float, y: float, shared: Sequence[float], top: float
) -> None:
    words = {"output_mix": "weighted sum", "slot_mix": "mixed slots", "param_merge": "merged parameters"}
    kind = panel.body.router.combine.kind
    text = words.get(kind, humanise(kind).lower()) + (" + shared" if shared else "")
    w, centre, s = 122 + 6.4 * len(text), y + COMBINE / 2, panel.spine
    low = bank.bottom + 28
    for picked in (False, True):
        for i, x in enumerate(bank.entries):
            if (i in bank.picks) == picked:
                end, bend = middle + (x - middle) * 0.16, middle + (x - middle) * 0.3
                d = f"M{x:.1f} {low}C{x:.1f} {y - 2} {bend:.1f} {y - 14} {end:.1f} {y}"
                out.wires.append(Wire("pick" if picked else "fan", d))
    for x in shared:
        d = f"M{x:.1f} {low}V{centre - 12}Q{x:.1f} {centre} {x - 12:.1f} {centre}H{middle + w / 2:.1f}"
        out.wires.append(Wire("skip", d))
    out.boxes.append(
        Box(
            id=f"{panel.target}/body/router#combine",
            kind="combine",
            target=f"{panel.target}/body/router/combine",
            x=middle - w / 2,
            y=y,
            w=w,
            h=COMBINE,
            line=panel.line + 3,
            glyph="combine",
            title="Combine",
            note=text,
        )
    )
    out.wires.append(Wire("spine", f"M{middle - w / 2:.1f} {centre}H{s + 6}"))
    out.wires.append(Wire("spine", f"M{s} {top - 8}V{centre - 7}"))
    out.wires.append(Wire("spine", f"M{s} {centre + 7}V{out.bottom}"))
    ring = f"M{s - 6.5} {centre}a6.5 6.5 0 1 0 13 0a6.5 6.5 0 1 0-13 0"
    out.wires.append(Wire("spine", f"{ring}M{s - 3.5} {centre}h7M{s} {centre - 3.5}v7"))


def marks(boxes: list[Box], target: str, problems: Sequence[Problem]) -> list[Box]:
    """The boxes, with the sign of a problem on the corner of the one it concerns."""
    out = list(boxes)
    for problem in problems:
        below = problem.path.removeprefix(target)
        for i, box in enumerate(out):
            inside = box.target.removeprefix(target)
            if not box.mark and inside and (below == inside or below.startswith(inside + "/")):
                out[i] = replace(box, mark=problem.severity)
                break
    return out
