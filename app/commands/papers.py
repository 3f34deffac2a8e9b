"""`python -m app papers`: what papers claim, what was measured, and measuring it here."""

import argparse
import json
import sys
from typing import Any
from uuid import uuid4

from app import claiming
from app.claiming import Row
from app.columns import columns
from app.errors import UserError
from app.following import follow_job
from app.jobs import engine
from app.paths import data_root
from core.claims import shipped
from core.claims.arms import MOST_SEEDS
from core.claims.naming import parse
from core.claims.results import ArmResult, Finding, Result
from core.claims.statistics import NOUGHT
from core.papers.base import Paper
from core.papers.registry import UnknownPaperError, paper, papers
from storage import database
from storage.status import Status

SOURCES = {"here": "measured here", "shipped": "measured by us", "none": ""}
#: Figures of an arm's cost, and what they are called.
FIGURES = {"active_parameters": "active parameters", "flops": "FLOPs a token"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A paper or an experiment, and whether to measure it."""
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="a paper, or an experiment such as x1 (default: list all)"
    )
    # Under another name than `run`, which is the function of the command.
    parser.add_argument(
        "--run", action="store_true", dest="measure", help="measure what is missing and follow it"
    )
    parser.add_argument(
        "--seeds", type=int, metavar="N", help="seeds of each arm (default: the experiment's)"
    )
    parser.add_argument("--minutes", type=float, metavar="M", help="time budget (default: the experiment's)")
    parser.add_argument("--arm", metavar="A", help="only this arm, and those it starts from")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument(
        "--record",
        action="store_true",
        help="keep what was measured here as the result that comes with the studio",
    )


def run(args: argparse.Namespace) -> int:
    """Print the board or one paper; with --run 0 only if everything wanted was measured."""
    _check(args)
    db = database.open(data_root())
    engine().reap()
    chosen = _chosen(args.name)
    done = [_measured(args, row.experiment.id) for row in chosen if args.measure]
    chosen = _chosen(args.name)
    if args.record:
        _record(chosen)
    if args.json:
        print(json.dumps(_document(args.name, chosen), ensure_ascii=False))
    elif args.name is None:
        print(_table(papers(), {row.experiment.id: row for row in claiming.board(db)}))
    else:
        print("\n\n".join([_paper(paper(args.name)), *map(_experiment, chosen)]))
    return 0 if all(done) else 1


def _check(args: argparse.Namespace) -> None:
    for name, value, most in (("--seeds", args.seeds, MOST_SEEDS), ("--minutes", args.minutes, 600)):
        if value is not None and not 0 < value <= most:
            raise UserError(f"{name} cannot be {value}. To fix this, give it a value from 1 to {most}.")
    given = [name for name in ("seeds", "minutes", "arm") if getattr(args, name) is not None]
    if given and not args.measure:
        raise UserError(f"--{given[0]} says how to measure. To fix this, add --run, or leave it out.")


def _chosen(name: str | None) -> list[Row]:
    """The experiments that a name stands for: its own, those of a paper, or all. Raises UserError."""
    if name is None:
        return list(claiming.board())
    try:
        found = paper(name)
    except UnknownPaperError as error:
        raise UserError(str(error)) from None
    return [row for row in claiming.rows_of(found) if name in (found.name, row.experiment.id)]


def _measured(args: argparse.Namespace, identity: str) -> bool:
    """Measure an experiment and follow it; whether everything wanted is in."""
    job_id = claiming.start(identity, uuid4().hex, seeds=args.seeds, minutes=args.minutes, arm=args.arm)
    print(f"{identity}:", file=sys.stderr)
    ended = follow_job(engine(), database.open(data_root()), job_id)
    for said in (ended.message, ended.result.get("said", "")):
        if said:
            print(said, file=sys.stderr)
    return ended.status is Status.DONE and not ended.result.get("said")


def _record(chosen: list[Row]) -> None:
    """Write the files that come with the studio, from experiments measured here to their end."""
    db = database.open(data_root())
    for row in chosen:
        if row.source == "here" and row.result.verdict not in ("not run", "not finished"):
            path = shipped.write(row.experiment, claiming.measured(db, row.experiment))
            print(f"{row.experiment.id}: {path}", file=sys.stderr)


def _document(name: str | None, chosen: list[Row]) -> dict[str, Any]:
    """The JSON of the board, or of one paper."""
    told = [_row(row) for row in chosen]
    if name is None:
        return {"papers": [_head(entry) for entry in papers()], "experiments": told}
    return {**_head(paper(name)), "experiments": told}


def _head(entry: Paper) -> dict[str, Any]:
    return {
        "paper": entry.name,
        "title": entry.title,
        "source": entry.source,
        "year": entry.year,
        "status": entry.status,
        "presets": list(entry.presets),
        "summary": entry.summary,
        "claim": entry.claim,
        "formula": entry.formula,
    }


def _row(row: Row) -> dict[str, Any]:
    result = row.result
    return {
        "experiment": row.experiment.id,
        "title": row.experiment.title,
        "paper": row.paper.name,
        "verdict": result.verdict,
        "source": row.source,
        "seeds": result.seeds,
        "done": result.done,
        "wanted": result.wanted,
        "seconds": result.seconds,
        "caveat": row.experiment.caveat,
        "findings": [_finding_json(finding) for finding in result.findings],
        "arms": [_arm_json(arm) for arm in result.arms],
        "environment": dict(result.environment),
    }


def _finding_json(finding: Finding) -> dict[str, Any]:
    found = finding.difference
    return {
        "claim": finding.expect.claim,
        "measure": finding.expect.measure,
        "relation": finding.expect.relation,
        "margin": finding.margin,
        "firm": finding.expect.firm,
        "outcome": finding.outcome,
        "seeds": finding.seeds,
        "left": finding.left,
        "right": finding.right,
        "difference": found and found.mean,
        "interval": found and [found.low, found.high],
        "effect": found and found.effect,
    }


def _arm_json(arm: ArmResult) -> dict[str, Any]:
    measures = {name: {"mean": mean, "deviation": sd} for name, (mean, sd) in arm.measures.items()}
    return {
        "arm": arm.name,
        "title": arm.title,
        "seeds": list(arm.seeds),
        "figures": dict(arm.figures),
        "measures": measures,
        "runs": list(arm.runs),
    }


def _table(entries: tuple[Paper, ...], rows: dict[str, Row]) -> str:
    """Name, title, status, presets, verdicts so far."""
    lines = []
    for entry in entries:
        verdicts = ", ".join(
            f"{experiment.id} {rows[experiment.id].result.verdict}" for experiment in entry.experiments
        )
        presets = ", ".join(entry.presets)
        lines.append((entry.name, entry.title[:60], entry.status, presets, verdicts))
    return columns(lines)


def _paper(entry: Paper) -> str:
    """What the paper says."""
    lines = [f"{entry.title}  ({entry.source}, {entry.year})", entry.summary, f"Claim: {entry.claim}"]
    lines += [f"Good for: {entry.good_for}", f"Cost: {entry.cost}"]
    for name, value in (
        ("Formula", entry.formula),
        ("Presets", ", ".join(entry.presets)),
        ("Note", entry.note),
    ):
        if value:
            lines.append(f"{name}: {value}")
    return "\n".join(lines)


def _experiment(row: Row) -> str:
    """What was measured, expectation by expectation, and what each arm is and costs."""
    result = row.result
    head = f"{row.experiment.id}  {row.experiment.title}: {result.verdict}"
    state = [SOURCES[row.source], f"{result.done} of {result.wanted} runs"] if result.done else []
    lines = [head + (f"  ({', '.join(filter(None, state))})" if state else "")]
    lines += [f"  {_said(finding)}" for finding in result.findings]
    lines += [f"  {_arm(arm, result)}" for arm in result.arms]
    lines.append(f"  Caveat: {row.experiment.caveat}")
    if row.said:
        lines.append(f"  {row.said}")
    if not result.done:
        lines.append(f"  To measure it: {row.command}")
    return "\n".join(lines)


def _said(finding: Finding) -> str:
    """One expectation in a line."""
    expect, found = finding.expect, finding.difference
    known, argument = parse(expect.measure)
    what = f"{known.title.lower()}{f' ({argument})' if argument else ''}"
    text = f"{finding.outcome:<18}  {expect.claim}{'' if expect.firm else ' (not decisive)'}"
    if found is None:
        return text
    effect = "" if found.effect is None else f", effect {found.effect:.3g}"
    mean, low, high = map(_figure, (found.mean, found.low, found.high))
    return (
        f"{text}\n{' ' * 22}{what}: {mean} [{low}, {high}], expected"
        f" {expect.relation} {finding.margin:.3g}{effect}, {finding.seeds} seeds"
    )


def _figure(value: float) -> str:
    """Three significant figures; a nought that rounding left a trace on is one."""
    return f"{0.0 if abs(value) < NOUGHT else value:.3g}"


def _arm(arm: ArmResult, result: Result) -> str:
    """One arm in a line."""
    figures = [f"{arm.figures[key]:,.0f} {name}" for key, name in FIGURES.items() if key in arm.figures]
    asked = {name for f in result.findings for name in (f.expect.measure, f.expect.right_measure)}
    shown = {name: value for name, value in arm.measures.items() if name in asked or name == "loss"}
    values = [
        f"{name} {mean:.3g}" + ("" if deviation is None else f" ± {deviation:.2g}")
        for name, (mean, deviation) in shown.items()
    ]
    return f"{arm.name} ({arm.title}): {'; '.join([*values, *figures]) or 'nothing yet'}"
