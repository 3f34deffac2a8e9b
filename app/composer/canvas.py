"""The drawing of the open design, wired to the desk."""

from collections.abc import Sequence

from app import state
from app.guard import guarded
from components.canvas import mount
from components.canvas.layout import draw
from core.cost.count import count
from core.design.problems import Problem
from storage.database import Database


def canvas(db: Database, problems: Sequence[Problem]) -> None:
    """Draw it; what stands only in the way of training is listed above, not drawn into the picture."""
    desk = state.desk()
    shown = [p for p in problems if p.stage in ("design", "cost")]
    picture = draw(desk.design, count(desk.design), shown, opened=desk.opened, width=desk.column)
    mount.canvas(
        picture,
        key="canvas",
        selected=desk.selected,
        column=desk.column,
        acked=desk.acked,
        on_outbox=guarded(lambda outbox: desk.take(db, outbox)),
        problems=shown,
        said=desk.said,
    )
