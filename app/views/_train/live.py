"""A run while it trains, and after: status, progress, five figures, curves, experts by domain, events."""

import math
from collections.abc import Callable

import pandas as pd
import streamlit as st

from app import pages, record, state
from app.guard import guarded
from app.jobs import engine
from app.paths import data_root
from app.record import layer_names
from app.views import _runs
from app.views._train.pace import pace
from components import page
from components.charts import findings, palette
from components.charts.curves import curves, frame
from components.heat.grid import grid, rows_of, shares_of
from components.heat.mount import heat
from core.cost.format import THIN, count, left
from core.design.facts import MetricsRow
from storage import database, files, metrics, runs
from storage.database import Database
from storage.errors import NotFoundError, StorageError
from storage.records import RunPublic, RunSummary
from storage.status import ACTIVE, RESUMABLE, Status

POLL_SECONDS = 1.0
CURVES_HEIGHT = 410


def show(run_id: str) -> None:
    """The run, redrawn each second as long as it is live."""
    live = runs.get(database.open(data_root()), run_id).status in ACTIVE | {Status.QUEUED}
    st.fragment(_view, run_every=POLL_SECONDS if live else None)(run_id, live)


@guarded
def _view(run_id: str, polled: bool) -> None:
    engine().reap()
    db = database.open(data_root())
    try:
        run = runs.get(db, run_id)
    except NotFoundError:
        # Deleted meanwhile: the whole page says so, and what to do.
        st.rerun()
    if polled and run.status not in ACTIVE | {Status.QUEUED}:
        # A whole rerun makes a fragment that no longer polls.
        st.rerun()
    rows = metrics.read(db, run_id)
    _title(run)
    if message := state.take_message():
        page.problems([("warning", message, "")])
    _progress(db, run, rows)
    _figures(rows)
    left_side, right_side = st.columns([1.15, 1], gap="small")
    with left_side, page.card():
        _curves(run, rows)
    with right_side, page.card():
        _experts(run, rows)
        _events(db, run_id, rows)
    page.command(f"python -m app runs show {run_id}", *_resume_command(run))


def _resume_command(run: RunPublic) -> list[str]:
    return [f"python -m app runs resume {run.id}"] if run.status in RESUMABLE else []


def _title(run: RunPublic) -> None:
    with page.title_row():
        page.title(run.name, f"data {run.data} · seed {run.seed} · {run.id}", run.status.value)
        _control(run)
        if st.button("New run", icon=":material/add:", type="tertiary", key="train.new"):
            state.open_run(None)
            st.rerun()
        if st.button("See routing", icon=":material/grid_on:", type="tertiary", key="train.routing"):
            st.switch_page(pages.page("routing"))


@guarded
def _ask(act: Callable[[str], None], run_id: str) -> None:
    """Do what a button says; in another tab the run may have ended or gone meanwhile."""
    try:
        act(run_id)
    except StorageError as error:
        state.leave_message(str(error))


def _control(run: RunPublic) -> None:
    """Pause, stop or resume, whatever is possible now."""
    asked = engine()
    if run.status in {Status.QUEUED, Status.RUNNING}:
        st.button(
            "Pause",
            icon=":material/pause:",
            key="train.pause",
            on_click=_ask,
            args=(asked.pause, run.id),
            help="Writes a checkpoint; resuming continues bit for bit",
        )
    if run.status in RESUMABLE:
        st.button(
            page.primary("Resume"),
            type="primary",
            key="train.resume",
            on_click=_ask,
            args=(asked.resume, run.id),
            help="Continues from the newest checkpoint",
        )
    if run.status in ACTIVE - {Status.STOPPING} | {Status.QUEUED, Status.PAUSED, Status.LOST}:
        st.button(
            "Stop",
            icon=":material/stop:",
            key="train.stop",
            on_click=_ask,
            args=(asked.stop, run.id),
            help="Ends the run early and keeps what it reached",
        )


def _progress(db: Database, run: RunPublic, rows: tuple[MetricsRow, ...]) -> None:
    share = min(1.0, run.step / run.total_steps) if run.total_steps else 0.0
    st.progress(1.0 if run.status is Status.DONE else share, text=page.plain(_where(db, run, rows)))
    if run.message and run.status not in ACTIVE:
        kind = "error" if run.status is Status.FAILED else "warning"
        page.problems([(kind, run.message, "")])


def _where(db: Database, run: RunPublic, rows: tuple[MetricsRow, ...]) -> str:
    if run.status is Status.QUEUED:
        return _waiting(runs.listing(db), run)
    if run.status in ACTIVE and not rows:
        return run.message or "Starting: the process loads the data and builds the model"
    steps = f"Step {count(run.step)}" + (f" of {count(run.total_steps)}" if run.total_steps else "")
    parts = [steps]
    going = pace(rows, run.total_steps)
    if going and run.status in ACTIVE:
        parts.append(left(going.left, going.low, going.high))
        parts.append(f"{going.rate:.3g} steps/s")
    speed = next((row.tokens_per_second for row in reversed(rows) if row.tokens_per_second), None)
    if speed:
        parts.append(f"{count(round(speed))} tok/s")
    kept = files.newest_checkpoint(files.folder(db.root, "runs", run.id))
    if kept is not None:
        parts.append(f"checkpoint of step {count(kept)} kept")
    return " · ".join(parts)


def _waiting(listed: tuple[RunSummary, ...], run: RunPublic) -> str:
    """Where a queued run stands in the queue."""
    before = sum(
        other.status in ACTIVE or (other.status is Status.QUEUED and other.queued_at < run.queued_at)
        for other in listed
        if other.id != run.id
    )
    if not before:
        return "Next in the queue: its process is being started"
    return f"Waiting: {count(before)} {'run' if before == 1 else 'runs'} before it, one trains at a time"


def _figures(rows: tuple[MetricsRow, ...]) -> None:
    losses, evaluated = record.total(rows), record.held_out_total(rows)
    routed = record.routing(rows)
    busiest = [(r.step, r.busiest) for r in routed]
    dead = [(r.step, float(r.dead)) for r in routed]
    special = [(r.step, r.specialization) for r in routed if r.specialization is not None]
    accuracy = next((key for row in rows for key in row.held_out if key.startswith("accuracy/")), None)
    cards = [
        ("Loss, all domains", *_metric(losses, "{:.2f}")),
        ("Held-out loss", *_metric(evaluated, "{:.2f}")),
    ]
    if accuracy and accuracy.count("/") == 1:
        right = [(step, 100 * value) for step, value in record.held_out_total(rows, accuracy)]
        cards[1] = (
            f"Held-out accuracy, {accuracy.removeprefix('accuracy/')}",
            *_metric(right, f"{{:.1f}}{THIN}%", 1),
        )
    cards += [
        ("Busiest expert", *_metric(busiest, "{:.2f} × fair share")),
        (
            "Dead experts",
            f"{routed[-1].dead} of {routed[-1].experts}" if routed else "–",
            findings.change(*_compared(dead), figures=0) or "no routing yet",
        ),
        ("Specialization, best layer", *_metric(special, "{:.2f}")),
    ]
    with st.grid(5, gap="small"):
        for label, value, delta in cards:
            st.metric(label, value, delta, delta_color="off", delta_arrow="off", border=True)


def _metric(points: list[tuple[int, float]], pattern: str, figures: int = 2) -> tuple[str, str]:
    if not points:
        return "–", "not recorded yet"
    return pattern.format(points[-1][1]), findings.change(
        *_compared(points), figures=figures
    ) or "first value"


def _compared(points: list[tuple[int, float]]) -> tuple[float | None, float | None, int]:
    """Now, a fifth of the run before, and how many steps lie between."""
    if len(points) < 2:
        return (points[-1][1] if points else None), None, 0
    step, now = points[-1]
    before = max(
        (p for p in points[:-1] if p[0] <= 0.8 * step), default=points[0], key=lambda point: point[0]
    )
    return now, before[1], step - before[0]


def _curves(run: RunPublic, rows: tuple[MetricsRow, ...]) -> None:
    design = record.read_design(run.design)
    text = design.task.kind == "language_model"
    training, evaluated = record.losses(rows), record.held_out(rows)
    with st.container(horizontal=True, vertical_alignment="top", gap="small"):
        words = st.container(width="stretch")
        which = st.segmented_control(
            "Which loss",
            ["Held-out", "Training"],
            default="Held-out",
            required=True,
            label_visibility="collapsed",
            key="train.which",
            width="content",
        )
        series = training if which == "Training" else evaluated
        page.table(f"{which} loss", lambda: frame(series), "train.curves")
    finding = findings.losses(series, f"{which.lower()} loss" if which else "loss")
    unit = "nats per byte" if text else "nats per example"
    uniform = math.log(design.task.heads_out[0].outputs) if text else None
    note = f"{which} loss per domain, {unit}."
    with words:
        page.head(finding, note + (" Dashed: every byte alike." if uniform else ""))
    if not series:
        st.caption("The curves begin with the first recorded step.")
        return
    page.chart(
        curves(
            series,
            palette.current(),
            last_step=run.total_steps or 0,
            reference=("uniform guess", uniform) if uniform else None,
        ),
        finding,
        height=CURVES_HEIGHT,
        key="train.curves",
    )


def _experts(run: RunPublic, rows: tuple[MetricsRow, ...]) -> None:
    counted = [row for row in rows if record.tables(row)]
    if not counted:
        page.head(
            "No token has been routed yet", "Which experts each domain uses will be drawn here, step by step."
        )
        return
    newest = counted[-1]
    domains = _runs.domains(run, rows, len(next(iter(record.tables(newest).values()))))
    names = layer_names(list(record.tables(newest)))
    with st.container(horizontal=True, vertical_alignment="top", gap="small"):
        words = st.container(width="stretch")
        path = st.selectbox(
            "Layer",
            list(names),
            index=len(names) - 1,
            format_func=lambda path: str(names.get(path, path)).capitalize(),
            label_visibility="collapsed",
            width=110,
            key="train.layer",
        )
        counts = record.tables(newest)[path]
        soft = path in newest.domain_share
        told = shares_of if soft else rows_of
        page.table(f"Experts of {names[path]}", lambda: told(domains, counts, "domain"), "train.heat")
    rows_told = list(zip(domains, counts, strict=True))
    finding = findings.shares(rows_told) if soft else findings.domain_experts(domains, counts)
    with words:
        before = counted[-2].step if len(counted) > 1 else 0
        page.head(
            finding,
            f"{names[path].capitalize()}, steps {before + 1} to {newest.step}: share of a domain's"
            f" {'outputs: nothing is selected' if soft else 'picks'}, %.",
        )
    shown = record.frames(rows)
    heat(
        grid(
            domains,
            [record.tables(row)[path] for row in shown if path in record.tables(row)],
            alt=finding,
            steps=[row.step for row in shown],
            numbers=True,
            corner="expert",
        ),
        key="train.heat",
    )


def _events(db: Database, run_id: str, rows: tuple[MetricsRow, ...]) -> None:
    events = metrics.events(db, run_id)
    if not events:
        return
    paths = sorted({path for row in rows for path in record.tables(row)})
    newest = pd.DataFrame(
        [
            (event.step, record.renamed(event.text, paths), event.kind.replace("_", " "))
            for event in reversed(events)
        ],
        columns=["Step", "Event", "Kind"],
    )
    st.dataframe(
        newest,
        hide_index=True,
        row_height=27,
        height=140 if len(events) > 4 else "content",
        key="train.events",
        alt="Events of the run, the newest first",
        column_config={
            "Step": st.column_config.NumberColumn(width=60),
            "Kind": st.column_config.Column(width=90),
        },
    )
