"""The drawing of the open design, wired to the desk."""

from collections.abc import Sequence
from typing import Any

from app import state
from app.composer import load
from app.composer.desk import Desk
from app.composer.heat import QUANTITIES, heat_of
from app.guard import guarded
from components import page
from components.canvas import mount
from components.canvas.heat import Heat
from components.canvas.layout import draw
from core.cost.count import count
from core.design.problems import Problem
from core.design.spec import Design
from storage.database import Database


def canvas(db: Database, problems: Sequence[Problem]) -> None:
    """Draw it; what stands only in the way of training is listed above, not drawn into the picture."""
    desk = state.desk()
    # Once: while this run still draws, the next one may change the desk.
    design, opened = desk.design, frozenset(desk.opened)
    shown = [p for p in problems if p.stage in ("design", "cost")]
    measured = load.load_of(db, design, opened)
    heat = _heat(design, desk.heat, opened, measured)
    picture = draw(design, count(design), shown, opened=opened, width=desk.column, heat=heat)
    heats = [{"key": key, "name": name, "off": ""} for key, name in QUANTITIES.items()]
    off = measured if isinstance(measured, str) else ""
    mount.canvas(
        picture,
        key="canvas",
        selected=desk.selected,
        column=desk.column,
        height=desk.height,
        acked=desk.acked,
        on_outbox=guarded(lambda outbox: _take(db, desk, outbox)),
        problems=shown,
        said=desk.said,
        draft=desk.draft.id if desk.draft else "",
        name=design.name,
        heat=heat.key if heat else "",
        heats=[*heats, {"key": load.KEY, "name": load.NAME, "off": off}],
        clip=bool(desk.clip),
    )


def _take(db: Database, desk: Desk, outbox: Any) -> None:
    """Do what the hand did. Where that opened another design, the page goes on with it."""
    desk.take(db, outbox)
    if desk.draft is not None and desk.draft.id != state.design_id():
        state.open_design(desk.draft.id)
        state.leave_message(page.plain(desk.message))


def _heat(design: Design, key: str, opened: frozenset[str], measured: Heat | str) -> Heat | None:
    """The colours that are switched on; a load that is no longer measured falls back to the plain drawing."""
    if key == load.KEY:
        return measured if isinstance(measured, Heat) else None
    return heat_of(design, key, opened) if key in QUANTITIES else None
