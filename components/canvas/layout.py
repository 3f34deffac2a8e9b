"""Design -> picture: layers on a residual spine, repeats in brackets, MoE layers opened in place."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from components.canvas import moe_panel
from components.canvas.notes import glyph_of, input_note, output_note, part_note
from components.canvas.picture import Box, Fix, Label, Picture
from components.words import humanise, plural
from core.cost.count import Counts, PartCount
from core.cost.flops import mean_keys
from core.cost.format import letters, size
from core.design.bodies.moe import Moe
from core.design.problems import Problem
from core.design.spec import Design
from core.design.structure import Layer, Repeat

GUTTER = 92.0  # room for brackets to the left of the column
SPINE = GUTTER + 21
ROW, GAP, BLOCK_GAP, PROBLEM = 36.0, 12.0, 20.0, 38.0
WEIGHT_BYTES = 2  # bf16, as the column says
#: Widths of the column that the browser chooses from.
COLUMNS = (560, 664, 820)
HEADER = ("parameters", "FLOPs/tok", "weights", "share")


@dataclass
class Pen:
    """Where the drawing has got to."""

    design: Design
    counts: dict[str, list[PartCount]]
    active: float
    problems: dict[str, list[Problem]]
    opened: Collection[str]
    width: float
    picture: Picture
    y: float = 10.0
    last: float | None = None
    line: int = 0
    depth: int = field(default=0)

    def join(self) -> None:
        """Lead the spine from what was drawn last to here."""
        if self.last is not None:
            self.picture.wire("spine", f"M{SPINE} {self.last}V{self.y}")

    def attention(self, part: PartCount) -> float:
        """Multiply-adds of scores and values for a token of the design's own context."""
        return part.pair_macs * mean_keys(part, self.design.task.tokens)

    def figures(self, pointer: str, kind: str = "") -> tuple[tuple[str, ...], float]:
        """Texts of the columns for one turn of a part, and its share of all active parameters."""
        parts = [part for part in self.counts.get(pointer, ()) if not kind or part.kind == kind]
        parameters = sum(part.parameters for part in parts)
        flops = sum(2 * (part.gemm_macs + part.token_macs + self.attention(part)) for part in parts)
        share = sum(part.times * part.active for part in parts) / self.active if self.active else 0.0
        return (letters(parameters), letters(flops), size(parameters * WEIGHT_BYTES)), share


def draw(
    design: Design,
    counts: Counts,
    problems: Sequence[Problem] = (),
    *,
    opened: Collection[str] = (),
    width: float = COLUMNS[1],
) -> Picture:
    """The picture of `design` with a column of `width` pixels; `opened` holds pointers of MoE parts."""
    by_pointer: dict[str, list[PartCount]] = defaultdict(list)
    for part in counts.parts:
        by_pointer[part.pointer].append(part)
    active = sum(part.times * part.active for part in counts.parts)
    picture = Picture(width=GUTTER + width + 4)
    pen = Pen(design, by_pointer, active, _by_part(design, problems), opened, width, picture)
    _header(pen)
    name, note = input_note(design)
    _row(pen, "/task", "embedding", name, note, figures="input")
    for s, stack in enumerate(design.stacks):
        pen.y += BLOCK_GAP
        if len(design.stacks) > 1:
            picture.labels.append(Label(GUTTER + 2, pen.y - 6, humanise(stack.name)))
            pen.y += 8
        pen.depth = 0
        for r, repeat in enumerate(stack.layers):
            pen.y += BLOCK_GAP if r else 0
            _repeat(pen, f"/stacks/{s}/layers/{r}", repeat)
    pen.y += BLOCK_GAP
    name, note = output_note(design)
    target = "/embedding" if design.task.kind == "language_model" else "/task/heads"
    _row(pen, target, "head", name, note, figures="head")
    picture.height = pen.y + 4
    return picture


def _by_part(design: Design, problems: Sequence[Problem]) -> dict[str, list[Problem]]:
    """Problems under the pointer of the row they belong to."""
    rows = [part.pointer for part in design.parts()]
    out: dict[str, list[Problem]] = defaultdict(list)
    for problem in problems:
        path = problem.path
        home = next((row for row in rows if path == row or path.startswith(row + "/")), "")
        if not home and path.startswith("/task/heads") and design.task.kind != "language_model":
            home = "/task/heads"
        if not home:
            home = next((top for top in ("/task", "/embedding") if path.startswith(top)), "")
        out[home].append(problem)
    return out


def _header(pen: Pen) -> None:
    pen.picture.labels += [
        Label(GUTTER + pen.width - right, pen.y + 8, text, "end")
        for text, right in zip(HEADER, (202, 134, 66, 13), strict=True)
    ]
    pen.y += 18


def _repeat(pen: Pen, pointer: str, repeat: Repeat) -> None:
    top = pen.y
    for n, layer in enumerate(repeat.pattern):
        pen.y += GAP if n else 0
        _layer(pen, f"{pointer}/pattern/{n}", layer)
    first, last = pen.depth + 1, pen.depth + repeat.layers
    pen.depth = last
    if repeat.layers == 1:
        return
    said = f"layers {first}–{last}"
    x = GUTTER - 14
    pen.picture.wire("bracket", f"M{x + 6} {top + 2}h-2a6 6 0 0 0-6 6V{pen.y - 8}a6 6 0 0 0 6 6h2")
    box = Box(
        id=pointer,
        kind="repeat",
        target=pointer,
        x=2,
        y=(top + pen.y) / 2 - 18,
        w=GUTTER - 22,
        h=36,
        line=pen.line,
        title=f"×{repeat.times}",
        note=said,
        said=f"Repeat of {plural(len(repeat.pattern), 'layer')}",
    )
    pen.picture.boxes.append(box)


def _layer(pen: Pen, pointer: str, layer: Layer) -> None:
    for p, part in enumerate(layer.parts):
        pen.y += GAP if p else 0
        target = f"{pointer}/parts/{p}"
        body = part.body
        if isinstance(body, Moe) and target in pen.opened:
            _opened(pen, target, body)
        else:
            folds = "closed" if isinstance(body, Moe) else ""
            _row(pen, target, glyph_of(body), humanise(body.kind), part_note(part), folds=folds)


def _row(
    pen: Pen, target: str, glyph: str, name: str, note: str, *, figures: str = "", folds: str = ""
) -> None:
    pen.join()
    source = "/task" if figures else target
    texts, share = pen.figures(source, figures)
    problems = pen.problems.get(target, ())
    pen.line += 1
    box = Box(
        id=target,
        kind="row",
        target=target,
        x=GUTTER,
        y=pen.y,
        w=pen.width,
        h=ROW,
        line=pen.line,
        glyph=glyph,
        title=name,
        note=note,
        figures=texts,
        share=share,
        mark=_worst(problems),
        folds=folds,
        said=_spoken(texts, problems),
    )
    pen.picture.boxes.append(box)
    pen.y += ROW
    _problem(pen, target, problems)
    pen.last = pen.y


def _opened(pen: Pen, target: str, body: Moe) -> None:
    pen.join()
    texts, share = pen.figures(target)
    problems = pen.problems.get(target, ())
    pen.line += 1
    panel = moe_panel.Panel(target, body, pen.design.width, GUTTER, pen.y, pen.width, SPINE, pen.line)
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
        h=ROW,
        line=pen.line,
        glyph="moe",
        title=humanise(body.kind),
        note=moe_panel.note(body, pen.width),
        figures=texts,
        share=share,
        mark=_worst(problems) if marked == drawn.boxes else "",
        folds="open",
        said=_spoken(texts, problems),
    )
    back = Box(id=f"{target}#panel", kind="panel", x=GUTTER, y=pen.y, w=pen.width, h=bottom - pen.y)
    pen.picture.boxes += [back, head, *marked]
    pen.picture.wires += drawn.wires
    pen.picture.labels += drawn.labels
    pen.line = drawn.line
    pen.y = drawn.bottom
    _problem(pen, target, problems)
    pen.last = pen.y


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
