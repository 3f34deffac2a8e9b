"""One experiment: what is expected, what was measured, the buttons that run and stop it."""

from __future__ import annotations

from itertools import groupby

import pandas as pd
import streamlit as st

from app import claiming, state
from app.claiming import Row
from app.errors import UserError
from app.guard import guarded
from app.jobs import engine
from app.views._papers import words
from components import page
from components.charts import palette
from components.charts.differences import Difference, differences
from components.papers.mount import board
from components.words import plural
from core.claims.results import Finding
from core.cost.format import THIN
from storage.errors import StorageError

LINE_HEIGHT = 34
AXIS_HEIGHT = 46


def experiment(row: Row) -> None:
    """The card of an experiment."""
    declared = row.experiment
    with page.card():
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            with st.container(width="stretch"):
                page.head(
                    declared.title,
                    f"Experiment {declared.id.upper()}: {plural(len(declared.arms), 'arm')} by"
                    f" {plural(declared.seeds, 'seed')} on {declared.data}, from {declared.base}; about"
                    f" {words.minutes(declared.minutes)} on two cores.",
                )
            _control(row)
        _progress(row)
        board(
            [words.finding_row(row, found) for found in row.result.findings],
            f"What {declared.id.upper()} expects and what was measured",
            key=f"papers.findings.{declared.id}",
            papers=False,
        )
        _figures(row)
        page.small(f"Why it may come out otherwise: {declared.caveat}")
        page.small(_provenance(row))


def _control(row: Row) -> None:
    """Run what is missing, or stop what runs."""
    name = row.experiment.id
    if row.activity is not None:
        st.button(
            "Stop",
            icon=":material/stop:",
            key=f"papers.stop.{name}",
            on_click=_stop,
            args=(name,),
            help="What is measured stays; running again goes on from there",
        )
        return
    if row.source == "here" and row.result.done >= row.result.wanted:
        return
    label = "Continue" if row.source == "here" else "Run here" if row.source == "shipped" else "Run"
    request = f"claims.{name}"
    st.button(
        label,
        icon=":material/play_arrow:",
        key=f"papers.run.{name}",
        on_click=_run,
        args=(name, state.request_id(request), request),
        help=f"Trains {plural(len(row.experiment.arms) * row.experiment.seeds, 'small model')}; "
        "other pages can be used meanwhile",
    )


@guarded
def _run(name: str, request_id: str, request: str) -> None:
    """Queue what is missing; what stands in the way is said on the page."""
    try:
        claiming.start(name, request_id)
    except (UserError, StorageError) as error:
        state.leave_message(str(error))
    state.renew_request(request)


@guarded
def _stop(name: str) -> None:
    """End the measuring; what is finished stays."""
    try:
        claiming.stop(name)
    except StorageError as error:
        state.leave_message(str(error))


def _progress(row: Row) -> None:
    if row.activity is not None:
        engine().reap()
        wanted = row.activity.wanted or row.result.wanted
        done = min(1.0, row.activity.done / wanted) if wanted else 0.0
        said = row.activity.message or "Waiting for its process"
        st.progress(done, text=page.plain(f"{row.activity.done} of {wanted} trainings. {said}"))
    elif row.said:
        page.problems([("warning", row.said, "")])


def _figures(row: Row) -> None:
    """The differences as a chart for each measure, and the arms as a table."""
    drawn = [found for found in row.result.findings if found.difference is not None]
    if drawn:
        page.head(words.experiment_finding(row), _HOW)
    for number, (title, group) in enumerate(groupby(drawn, key=_axis)):
        found = list(group)
        lines = [_difference(row, one) for one in found]
        page.chart(
            differences(lines, palette.current(), title),
            "; ".join(f"{line.name}: {line.said}" for line in lines),
            height=AXIS_HEIGHT + LINE_HEIGHT * len(lines),
            key=f"papers.chart.{row.experiment.id}.{number}",
        )
    page.table(f"arms of {row.experiment.id}", lambda: arms(row), f"papers.arms.{row.experiment.id}")


_HOW = (
    f"Left side of each expectation minus its right side, mean and 95{THIN}% interval over seeds. Dashed: the"
    " threshold that the whole interval has to clear."
)


def _axis(found: Finding) -> str:
    """The title of a chart's axis; lines that share it stand in one chart."""
    title, unit = words.measure(found.expect.measure)
    what = "difference of " if found.right is not None else ""
    title = f"{what}{title[:1].lower()}{title[1:]}"
    return f"{title}, {unit}" if unit else title


def _difference(row: Row, found: Finding) -> Difference:
    assert found.difference is not None
    left = words.arm_title(row.experiment, found.expect.left)
    name = left
    if found.expect.right:
        right = words.arm_title(row.experiment, found.expect.right)
        times = "" if found.expect.factor == 1 else f"{words.figure(found.expect.factor)} × "
        name = f"{left} − {times}{right}"
    show = words.signed if found.right is not None else words.figure
    mean = found.difference
    return Difference(name, mean.low, mean.mean, mean.high, found.margin, show(mean.mean))


def arms(row: Row) -> pd.DataFrame:
    """Each arm: what it sets, and what was measured of it."""
    lines = []
    for arm, result in zip(row.experiment.arms, row.result.arms, strict=True):
        line: dict[str, object] = {
            "Arm": arm.title,
            "Method": arm.method or "as the base",
            "Sets": words.arm_changes(arm),
            "Starts from": words.arm_title(row.experiment, arm.start_from) if arm.start_from else "",
            "Seeds": len(result.seeds),
        }
        for name, (mean, deviation) in result.measures.items():
            spread = "" if deviation is None else f" ± {words.figure(deviation)}"
            line[name] = f"{words.figure(mean)}{spread}"
        lines.append(line)
    return pd.DataFrame(lines)


def _provenance(row: Row) -> str:
    if row.source == "none":
        return "Not measured yet: press Run, or use the command below."
    where = "Measured on this machine" if row.source == "here" else "Measured by us, shipped with the studio"
    spent = f"{round(row.result.seconds)}{THIN}s in all"
    return f"{where}: {row.result.done} of {row.result.wanted} trainings, {spent}."
