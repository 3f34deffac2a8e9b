"""Time and memory from batch 1 up: where it computes, where every expert is read, where it is full."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import streamlit as st

from app.costing import findings
from app.costing.controls import BATCHES, Chosen
from app.costing.question import costed
from components import page
from components.charts import palette
from components.charts.cost import limited, stacked
from components.words import humanise
from core.cost.estimate import Estimate
from core.cost.format import digits, size
from core.design.spec import Design

#: Experts are all read where less than one in two hundred is missing.
_ALL = 0.995
_SHOWN = BATCHES[:9]


def show(design: Design, chosen: Chosen) -> None:
    """Two cards beside each other."""
    on, question = chosen.targets[0], chosen.question
    found = [
        answer
        for batch in _SHOWN
        if isinstance(answer := costed(design, on, replace(question, batch=batch)), Estimate)
    ]
    if not found:
        return
    left, right = st.columns([1.25, 1], gap="small")
    with left, page.card():
        _time(found)
    with right, page.card():
        _memory(found)


def _time(found: list[Estimate]) -> None:
    highest = max(each.step.high or each.step.value for each in found)
    step, unit, units = (1.0, "s", "Seconds") if highest >= 10 else (1e-3, "ms", "Milliseconds")
    rows = [
        {
            "x": str(each.load.batch),
            "group": group,
            "rank": rank,
            "value": value / step,
            "low": (each.step.low or each.step.value) / step,
            "high": (each.step.high or each.step.value) / step,
            "note": _experts(each),
            "batch": each.load.batch,
        }
        for each in found
        for rank, (group, value) in enumerate(findings.grouped(each).items())
    ]
    data = pd.DataFrame(rows)
    first = found[0]
    distinct = first.asks.distinct
    above = (
        f" Above the bars: how many of {digits(distinct.experts)} experts a layer reads." if distinct else ""
    )
    page.card_head(
        time_finding(found),
        f"{units} per step on {first.title}, {first.load.phase}, {first.load.weights.name}, with the"
        f" 10–90 % band.{above}",
        "time by batch",
        lambda: data[["batch", "group", "value", "low", "high", "note"]],
        "by-batch",
    )
    drawn = stacked(data, findings.GROUPS, palette.current(), x_title="batch", y_title=f"{unit} per step")
    page.chart(drawn, time_finding(found), height=190, key="by-batch")


def _experts(found: Estimate) -> str:
    distinct = found.asks.distinct
    # 7.998 of 8 is 8: more decimals would not tell more.
    return "" if distinct is None else digits(round(distinct.figure.value, 2))


def time_finding(found: list[Estimate]) -> str:
    """What rules at the smallest batch, from where on it computes, and from where on every expert is read."""
    words = {"overhead": "Launches rule", "memory": "Memory rules", "network": "Transfers rule"}
    first = found[0]
    computes = next((each.load.batch for each in found if each.bound == "compute"), None)
    said = words.get(first.bound, "Computing rules") + f" at batch {first.load.batch}"
    if first.bound != "compute":
        last = found[-1].load.batch
        said += (
            f"; compute-bound from batch {computes} on" if computes else f"; not compute-bound up to {last}"
        )
    whole = next(
        (
            each.load.batch
            for each in found
            if (d := each.asks.distinct) is not None and d.figure.value >= _ALL * d.experts
        ),
        None,
    )
    return said + (f"; every expert is read from batch {whole} on" if whole else "")


def _memory(found: list[Estimate]) -> None:
    names = list(dict.fromkeys(name for each in found for name, _ in each.needs.rows))
    # The largest first, what is small together.
    total = {
        name: sum(dict(each.needs.rows)[name].value for each in found if name in dict(each.needs.rows))
        for name in names
    }
    top = sorted(names, key=lambda name: -total[name])[:3]
    groups = [*map(humanise, top), "Other"]
    highest = max(each.needs.total.high or each.needs.total.value for each in found)
    step, unit = (1e12, "TB") if highest >= 1e13 else (1e9, "GB")
    rows = []
    for each in found:
        own = {name: figure.value for name, figure in each.needs.rows}
        values = {humanise(name): own.get(name, 0.0) for name in top}
        values["Other"] = sum(value for name, value in own.items() if name not in top)
        for rank, group in enumerate(groups):
            rows.append(
                {
                    "x": str(each.load.batch),
                    "group": group,
                    "rank": rank,
                    "value": values[group] / step,
                    "low": (each.needs.total.low or each.needs.total.value) / step,
                    "high": (each.needs.total.high or each.needs.total.value) / step,
                    "note": "",
                    "batch": each.load.batch,
                }
            )
    data = pd.DataFrame(rows)
    has = found[0].has / step
    # A limit far above the bars would flatten them.
    limit = has if has < 3 * float(data["high"].max()) else None
    all_of_it = size(found[0].has)
    there = f"It has {all_of_it}." if limit is None else f"Line: the {all_of_it} it has."
    page.card_head(
        memory_finding(found),
        f"{unit} that {found[0].title} needs, with the 10–90 % band. {there}",
        "memory by batch",
        lambda: data[["batch", "group", "value", "low", "high"]],
        "memory-by-batch",
    )
    drawn = stacked(data, groups, palette.current(), x_title="batch", y_title=unit)
    drawn = limited(drawn, limit, palette.current(), y_title=unit)
    page.chart(drawn, memory_finding(found), height=190, key="memory-by-batch")


def memory_finding(found: list[Estimate]) -> str:
    """Up to which batch it fits, and what takes most."""
    fits = [each.load.batch for each in found if each.fits]
    rows = found[0].needs.rows
    most = humanise(max(rows, key=lambda row: row[1].value)[0]).lower()
    if not fits:
        return f"It does not fit at any batch; most of it is {most}"
    first = found[0].load.batch
    upto = "at every batch up to" if len(fits) == len(found) else "up to batch"
    return f"It fits {upto} {max(fits)}; at batch {first} most of it is {most}"
