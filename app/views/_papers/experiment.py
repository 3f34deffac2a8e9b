"""One experiment: what is expected, what was measured, the buttons that run and stop it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import pandas as pd
import streamlit as st

from app import claiming, state
from app.claiming import Row
from app.errors import UserError
from app.guard import guarded
from app.jobs import engine
from app.views._papers import sets, words
from components import page
from components.charts import palette
from components.charts.differences import Difference, differences
from components.papers.mount import Kind, board
from components.words import plural
from core.claims.results import Finding
from core.claims.statistics import NOUGHT
from core.cost.format import DASH, THIN, duration
from core.design.presets.methods import method
from storage.errors import StorageError

#: Icon and colour of a verdict's badge.
_ICONS: dict[Kind, tuple[str, Literal["green", "orange", "red", "gray", "blue"]]] = {
    "yes": (":material/check:", "green"),
    "part": (":material/remove:", "orange"),
    "no": (":material/close:", "red"),
    "not": (":material/schedule:", "gray"),
    "busy": (":material/play_arrow:", "blue"),
    "plain": (":material/info:", "gray"),
}
LINE_HEIGHT = 44
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
                    f" {plural(declared.seeds, 'seed')} on {words.setting(declared)}; about"
                    f" {words.minutes(declared.minutes)} on two cores.",
                )
            chip = words.verdict(row)
            st.badge(chip.text, icon=_ICONS[chip.kind][0], color=_ICONS[chip.kind][1])
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
    """The differences as a chart for each measure with their table, and the arms."""
    drawn = [found for found in row.result.findings if _varies(found)]
    identity = row.experiment.id
    if drawn:
        page.card_head(
            words.chart_finding(drawn[0]),
            _HOW,
            f"differences of {identity}",
            lambda: differences_table(row),
            f"papers.differences.{identity}",
        )
    for number, (title, group) in enumerate(_by_axis(drawn).items()):
        lines = [_difference(row, found) for found in group]
        page.chart(
            differences(lines, palette.current(), title),
            "; ".join(f"{line.name}: {line.said}" for line in lines),
            height=AXIS_HEIGHT + LINE_HEIGHT * len(lines),
            key=f"papers.chart.{identity}.{number}",
        )
    alike = sets.shared(row.experiment.arms)
    both = f" In all of them: {sets.changes(alike)}." if alike else ""
    page.head(
        "What is compared", f"Each arm: a routing method over the base, and what is set after it.{both}"
    )
    _static(arms(row))
    if row.result.done:
        page.head(
            "What was measured", "Mean ± deviation from seed to seed; a mean alone where all seeds agree."
        )
        _static(measures(row))


def _static(rows: pd.DataFrame) -> None:
    """A table whose long cells wrap, so that none hides behind the edge of the card."""
    plain = rows.map(lambda cell: page.plain(str(cell)))
    st.table(plain.rename(columns=page.plain), border="horizontal", hide_index=True)


_HOW = (
    f"Left side of each expectation minus its right side, mean and 95{THIN}% interval over seeds. Upright"
    " tick: the threshold that the whole interval has to clear."
)


def _varies(found: Finding) -> bool:
    """Whether there is an interval to draw: exact counts are the same in every seed."""
    mean = found.difference
    return mean is not None and mean.low < mean.high and max(abs(mean.low), abs(mean.high)) >= NOUGHT


def _by_axis(found: Iterable[Finding]) -> dict[str, list[Finding]]:
    """Findings by the axis they share."""
    groups: dict[str, list[Finding]] = {}
    for one in found:
        groups.setdefault(_axis(one), []).append(one)
    return groups


def _axis(found: Finding) -> str:
    """The title of a chart's axis."""
    title, unit = words.measure(found.expect.measure)
    what = "difference of " if found.right is not None else ""
    title = f"{what}{words.small(title)}"
    return f"{title}, {unit}" if unit else title


def _difference(row: Row, found: Finding) -> Difference:
    assert found.difference is not None
    left = words.arm_title(row.experiment, found.expect.left)
    name = left
    if found.expect.right:
        right = words.arm_title(row.experiment, found.expect.right)
        times = "" if found.expect.factor == 1 else f"{found.expect.factor:.3g} × "
        name = f"{left} − {times}{right}"
    mean = found.difference
    said = words.together(mean.mean, mean.low, mean.high)[0]
    shown = words.signed(said) if found.right is not None else said
    return Difference(name, mean.low, mean.mean, mean.high, found.margin, shown)


def differences_table(row: Row) -> pd.DataFrame:
    """Every finding: both sides, the difference with its interval, the threshold, what became of it."""
    return pd.DataFrame(
        {
            "Claim": found.expect.claim,
            "Measure": found.expect.measure,
            "Left": found.left,
            "Right": found.right,
            "Difference": found.difference.mean if found.difference else None,
            "Low": found.difference.low if found.difference else None,
            "High": found.difference.high if found.difference else None,
            "Cohen's d": found.difference.effect if found.difference else None,
            "Threshold": found.margin,
            "Seeds": found.seeds,
            "Outcome": found.outcome,
            "Decides": found.expect.firm,
        }
        for found in row.result.findings
    )


def arms(row: Row) -> pd.DataFrame:
    """Each arm: its method, what it sets, and with how many seeds it was measured."""
    lines = []
    for arm, result in zip(row.experiment.arms, row.result.arms, strict=True):
        line: dict[str, object] = {
            "Arm": arm.title,
            "Method": method(arm.method).title if arm.method else "as the base",
            "Sets": sets.changes(arm.sets, row.experiment.arms),
        }
        if any(other.start_from for other in row.experiment.arms):
            line["Starts from"] = words.arm_title(row.experiment, arm.start_from) if arm.start_from else DASH
        if row.result.done:
            line["Seeds"] = len(result.seeds)
        lines.append(line)
    return pd.DataFrame(lines)


def measures(row: Row) -> pd.DataFrame:
    """Each measure of every arm, mean and deviation; a dash where an arm has none."""
    found = {
        arm.title: {words.measure(name)[0]: words.spread(*value) for name, value in result.measures.items()}
        for arm, result in zip(row.experiment.arms, row.result.arms, strict=True)
    }
    names = dict.fromkeys(name for values in found.values() for name in values)
    return pd.DataFrame(
        {
            "": list(names),
            **{title: [values.get(name, DASH) for name in names] for title, values in found.items()},
        }
    )


def _provenance(row: Row) -> str:
    if row.source == "none":
        return "Not measured yet: press Run, or use the command below."
    where = "Measured on this machine" if row.source == "here" else "Measured by us, shipped with the studio"
    spent = f"{duration(row.result.seconds)} in all"
    return f"{where}: {row.result.done} of {row.result.wanted} trainings, {spent}."
