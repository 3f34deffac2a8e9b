"""An MoE layer opened in place: router, experts to scale, combine; shared experts apart on a dashed wire."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from components.canvas import notes
from components.canvas.bank import EXPERT, SHARED_APART, Bank, Panel, bank
from components.canvas.letters import fitting, width_of
from components.canvas.picture import Box, Label, Wire
from components.canvas.scale import HIT
from components.words import humanise
from core.design.bodies.moe import Moe
from core.design.experts.base import Expert
from core.design.problems import Problem

HEAD, ROUTER, COMBINE = 36.0, 42.0, 30.0
#: A handle's side, where it hangs below the experts, and pixels of a letter of a label.
HANDLE, BELOW, LETTER = 24.0, 6.0, 5.7


@dataclass
class Drawn:
    """Boxes, wires and labels of a panel, its lower edge and its last line."""

    bottom: float
    line: int
    boxes: list[Box] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)


def note(body: Moe, room: float) -> str:
    """What stands beside the name; the bold wires are explained where there are any, and room for it."""
    text, more = notes.moe_note(body), ". Bold: an example"
    bold = body.router.select.token_choice and body.count > body.per_token
    return text + more if bold and width_of(text + more, 12) <= room else fitting(text, 12, room)


def draw(panel: Panel) -> Drawn:
    """Lay the panel out; its head stands in the first HEAD pixels."""
    top = panel.y + HEAD
    router_y = top + 16
    experts_y = router_y + ROUTER + 44
    experts = bank(panel, experts_y)
    combine_y = experts.bottom + 22 + 36
    middle = (experts.left + experts.right) / 2
    out = Drawn(bottom=combine_y + COMBINE + 16, line=experts.line + 2)
    _router(panel, out, experts, middle, router_y, top)
    _fan(out, experts, middle, router_y + ROUTER, experts_y)
    out.boxes += experts.boxes
    _rules(panel, out, experts)
    shared = _shared(panel, out, experts, experts_y, top)
    _combine(panel, out, experts, middle, combine_y, shared, top)
    return out


def _router(panel: Panel, out: Drawn, experts: Bank, middle: float, y: float, top: float) -> None:
    body = panel.body
    text, chip = notes.router_note(body), notes.select_note(body.router)
    wanted = 124 + 6.4 * len(text) + 8 * len(chip)
    w = max(120.0, min(experts.right - experts.left, wanted))
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


def _fan(out: Drawn, experts: Bank, middle: float, top: float, experts_y: float) -> None:
    """Wires from the router to every column of experts."""

    def curve(x: float) -> str:
        start, bend = middle + (x - middle) * 0.16, middle + (x - middle) * 0.3
        return (
            f"M{start:.1f} {top:g}C{bend:.1f} {top + 24:g} {x:.1f} {experts_y - 26:g} {x:.1f} {experts_y:g}"
        )

    _bundle(out, experts, curve)


def _bundle(out: Drawn, experts: Bank, curve: Callable[[float], str]) -> None:
    """One path for all wires that look alike, the picked ones on top."""
    plain = [curve(x) for i, x in enumerate(experts.entries) if i not in experts.picks]
    picked = [curve(x) for i, x in enumerate(experts.entries) if i in experts.picks]
    out.wires += [Wire("fan", "".join(plain))] if plain else []
    out.wires += [Wire("pick", "".join(picked))] if picked else []


def _rules(panel: Panel, out: Drawn, experts: Bank) -> None:
    """Below the experts: which ones are alike, with handles for more and fewer of them."""
    for x, top, bottom in experts.marks:
        out.wires.append(Wire("rule", f"M{x:.1f} {top:.1f}V{bottom:.1f}"))
    if not all(block.ruled for block in experts.blocks):
        y = experts.bottom + BELOW
        out.wires.append(Wire("rule", f"M{experts.left:.1f} {y:g}v4H{experts.right:.1f}v-4"))
    for block in experts.blocks:
        y = block.y + BELOW
        if block.ruled:
            out.wires.append(Wire("rule", f"M{block.left:.1f} {y:g}v4H{block.right:.1f}v-4"))
        wide, room = LETTER * len(block.text), block.right - block.left
        middle = (block.left + block.right) / 2
        labelled = block.written and room >= wide + 2 * HANDLE + 8
        apart = wide / 2 + 4 if labelled else 0.0
        if labelled:
            out.labels.append(Label(middle, y + 17, block.text, "middle"))
        target = f"{panel.target}/body/experts/{block.groups[1]}"
        if room < 2 * HANDLE:
            out.boxes.append(_handle(target, 1, middle - HANDLE / 2, y, block.text, experts.line + 1))
            continue
        if panel.body.count > 1:
            out.boxes.append(_handle(target, -1, middle - apart - HANDLE, y, block.text, experts.line + 1))
        out.boxes.append(_handle(target, 1, middle + apart, y, block.text, experts.line + 1))


def _handle(target: str, by: int, x: float, y: float, text: str, line: int, what: str = "experts") -> Box:
    """What adds or takes away an expert of a group."""
    return Box(
        id=f"{target}#{'more' if by > 0 else 'fewer'}",
        kind="count",
        target=target,
        x=x,
        y=y,
        w=HANDLE,
        h=HANDLE,
        line=line,
        glyph="plus" if by > 0 else "minus",
        said=f"{'More' if by > 0 else 'Fewer'} {what}: {text}",
        by=by,
    )


def _shared(panel: Panel, out: Drawn, experts: Bank, y: float, top: float) -> list[tuple[float, float]]:
    """Shared experts to the right, past the router; gives where their wires leave."""
    copies = [(g, group) for g, group in enumerate(panel.body.shared) for _ in range(group.count)]
    if not copies:
        return []
    x = experts.right + (SHARED_APART if experts.unit else panel.shared_apart)
    height = experts.bottom - y if experts.unit else min(experts.bottom - y, EXPERT)
    boxes = []
    for number, (g, group) in enumerate(copies):
        drawn = group.inner * experts.unit if experts.unit else panel.shared_in_grid / len(copies)
        boxes.append(_shared_box(panel, g, group, number, x, y, max(HIT, drawn), height, drawn))
        x += boxes[-1].w + 5
    out.boxes += boxes
    foot, centres = y + height + BELOW, [box.x + box.w / 2 for box in boxes]
    for box, centre in zip(boxes, centres, strict=True):
        out.wires.append(Wire("skip", _over(panel.spine, centre, top + 2, box.y)))
        out.wires.append(Wire("rule", f"M{box.x:.1f} {foot:g}v4H{box.x + box.w:.1f}v-4"))
    out.labels.append(Label(sum(centres) / len(centres), foot + 17, "every token", "middle"))
    out.boxes += _shared_handles(panel, boxes, foot + 21, experts.line + 1)
    return [(centre, foot + 21) for centre in centres]


def _shared_box(
    panel: Panel, g: int, group: Expert, number: int, x: float, y: float, w: float, h: float, drawn: float
) -> Box:
    target = f"{panel.target}/body/shared/{g}"
    one = sum(other.count for other in panel.body.shared) == 1
    return Box(
        id=f"{target}@{number}",
        kind="shared",
        target=target,
        x=x,
        y=y,
        w=w,
        h=h,
        line=panel.line + 2,
        title="Shared" if w >= 54 else "S",
        note=notes.expert_size(group) if w >= 31 else "",
        fill=drawn,
        said=f"Shared expert{'' if one else f' {number + 1}'}: {notes.expert_words(group)}, for every token",
        scale=drawn / group.inner if group.inner else 0.0,
        inner=group.inner,
        number=number,
        moves=target,
    )


def _shared_handles(panel: Panel, boxes: Sequence[Box], y: float, line: int) -> Iterable[Box]:
    """Handles on both sides of the wire; groups too narrow for their own have one pair, for the last."""
    spans: dict[str, tuple[float, float]] = {}
    for box in boxes:
        left, _ = spans.get(box.target, (box.x, 0.0))
        spans[box.target] = (left, box.x + box.w)
    if len(spans) > 1 and any(right - left < 2 * HANDLE + 4 for left, right in spans.values()):
        spans = {boxes[-1].target: (boxes[0].x, boxes[-1].x + boxes[-1].w)}
    for target, (left, right) in spans.items():
        middle = (left + right) / 2
        group = panel.body.shared[int(target.rsplit("/", 1)[1])]
        for by, x in ((-1, middle - HANDLE - 2), (1, middle + 2)):
            yield _handle(target, by, x, y, notes.expert_size(group), line, "shared experts")


def _over(start: float, end: float, y: float, down: float) -> str:
    """Along y, past the router, round the corner and down."""
    return f"M{start} {y}H{end - 14:.1f}Q{end:.1f} {y} {end:.1f} {y + 14}V{down}"


def _combine(
    panel: Panel,
    out: Drawn,
    experts: Bank,
    middle: float,
    y: float,
    shared: Sequence[tuple[float, float]],
    top: float,
) -> None:
    words = {"output_mix": "weighted sum", "slot_mix": "mixed slots", "param_merge": "merged parameters"}
    kind = panel.body.router.combine.kind
    text = words.get(kind, humanise(kind).lower()) + (" + shared" if shared else "")
    w, centre, s = 122 + 6.4 * len(text), y + COMBINE / 2, panel.spine
    low = experts.bottom + BELOW + HANDLE

    def curve(x: float) -> str:
        end, bend = middle + (x - middle) * 0.16, middle + (x - middle) * 0.3
        return f"M{x:.1f} {low:g}C{x:.1f} {y - 2:g} {bend:.1f} {y - 14:g} {end:.1f} {y:g}"

    _bundle(out, experts, curve)
    for x, start in shared:
        turn = f"Q{x:.1f} {centre:g} {x - 12:.1f} {centre:g}H{middle + w / 2:.1f}"
        d = f"M{x:.1f} {start:g}V{centre - 12:g}{turn}"
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
            line=out.line,
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
