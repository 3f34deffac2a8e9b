"""The measured load of the open run as colours of the drawing."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from app import state
from app.routed import read_trace
from components.canvas.heat import Heat
from core.cost.format import THIN, count
from core.design.bodies.moe import Moe
from core.design.spec import Design
from core.trace.errors import TraceError
from storage import runs
from storage.database import Database
from storage.errors import NotFoundError
from storage.records import RunPublic

KEY, NAME = "load", "Measured load"
UNTRAINED = "Train this design to colour it by load."
UNTRACED = "The open run has no trace of its routing yet."
SOFT = "Every expert works for every token of the open run, so there is no load. Its Routing page has shares."


def load_of(db: Database, design: Design, opened: Collection[str]) -> Heat | str:
    """Tokens of each expert against a fair share, all turns of a layer together; or why there is none.

    Only a run of this very design says anything about it.
    """
    run = run_of(db, design)
    if run is None:
        return UNTRAINED
    try:
        routed = read_trace(db, run.id)
    except TraceError as error:
        return str(error)
    if routed is None or not (routed.layers or routed.soft):
        return UNTRACED
    if not routed.layers:
        return SOFT
    loads = {layer["path"]: [int(tokens) for tokens in layer["load"]] for layer in routed.layers}
    title = f"Load in {run.name}, {count(routed.trace.header.tokens)} tokens"
    return heat_of(design, loads, opened, title)


def run_of(db: Database, design: Design) -> RunPublic | None:
    """The open run, if it is of this very design."""
    run_id = state.run_id()
    try:
        run = runs.get(db, run_id) if run_id else None
    except NotFoundError:
        return None
    return run if run is not None and run.design_sha == design.sha else None


def heat_of(design: Design, loads: Mapping[str, Sequence[int]], opened: Collection[str], title: str) -> Heat:
    """Colours of `loads`: accepted tokens of each expert, by the path of its layer."""
    turns: dict[str, list[Sequence[int]]] = defaultdict(list)
    for placed in design.occurrences():
        if placed.pointer in opened and placed.path in loads:
            turns[placed.pointer].append(loads[placed.path])
    ratios: dict[str, float] = {}
    dead: set[str] = set()
    for part in design.parts():
        if part.pointer not in turns or not isinstance(part.part.body, Moe):
            continue
        total = [sum(each) for each in zip(*turns[part.pointer], strict=True)]
        fair = sum(total) / len(total)
        ids = _ids(part.pointer, part.part.body)
        ratios |= {box: tokens / fair if fair else 0.0 for box, tokens in zip(ids, total, strict=True)}
        dead |= {box for box, tokens in zip(ids, total, strict=True) if not tokens}
    # Never less than twice the fair share, so that an even layer looks even.
    top = max(2.0, *ratios.values()) if ratios else 2.0
    values = {box: (ratio / top, f"{ratio:.1f}{THIN}×") for box, ratio in ratios.items()}
    return Heat(KEY, title, "0", f"{top:.1f}{THIN}× the fair share", values, frozenset(dead))


def _ids(pointer: str, body: Moe) -> list[str]:
    """Ids of the boxes of a layer's experts, in order."""
    groups = [g for g, group in enumerate(body.experts) for _ in range(group.count)]
    return [f"{pointer}/body/experts/{g}@{number}" for number, g in enumerate(groups)]
