"""`python -m app train DESIGN`: train here and follow it."""

import argparse
import sys
from pathlib import Path
from typing import get_args
from uuid import uuid4

from app.designs import DESIGN_HELP, read_design, with_plan_value, with_values
from app.errors import UserError
from app.following import follow
from app.jobs import engine
from app.lineage import lineage
from app.paths import data_root
from core.data.ingest import Options
from core.data.load import load
from core.data.own.text import Encoding
from core.data.suited import suited_data
from core.design.edit import Edit
from core.design.edits import apply
from core.design.facts import DataFacts, DataKind
from core.design.match import match_task
from core.design.plan import Plan
from core.design.rules import check
from core.design.spec import Design
from core.design.suited import suggested_objective
from storage import database
from storage.status import Status

NOT_DONE = {Status.PAUSED: 130}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to train, on what, how long."""
    parser.add_argument("design", metavar="DESIGN", help=DESIGN_HELP)
    parser.add_argument(
        "--data",
        metavar="NAME",
        help="text, digits, table:NAME, a stored data set, or a path (default: the first built-in data that"
        " the design can train on)",
    )
    parser.add_argument(
        "--target", action="append", default=[], metavar="COLUMN", help="own table: a column to predict"
    )
    parser.add_argument(
        "--ignore", action="append", default=[], metavar="COLUMN", help="own table: a column to leave out"
    )
    parser.add_argument("--encoding", choices=get_args(Encoding), help="own text or table (default: utf-8)")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, metavar="N", help="optimizer steps")
    length.add_argument(
        "--seconds", type=float, metavar="S", help="time budget, made into steps at the start"
    )
    parser.add_argument(
        "--seed", type=int, metavar="S", help="seed of weights, batches and noise (default: 0)"
    )
    parser.add_argument(
        "--match", action="store_true", help="change the design's task so that it fits the data"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        dest="values",
        help="plan.NAME=VALUE or /POINTER=VALUE; may be given several times",
    )


def fitting(design: Design, plan: Plan, facts: DataFacts) -> Edit | None:
    """The edit that fits the task to the data, with what follows from it elsewhere; None if it fits."""
    problems = check(design, plan, facts, stage="train")
    complete = next((p.edits[0] for p in problems if p.code == "data-task" and p.edits), None)
    return complete or match_task(design, facts)


def own_options(args: argparse.Namespace) -> Options | None:
    """How to read the user's own data; None if nothing was said about it. Raises UserError."""
    if not (args.target or args.ignore or args.encoding):
        return None
    if args.data is None or not Path(args.data).expanduser().exists():
        raise UserError(
            "--target, --ignore and --encoding say how a file of your own is read. To fix this, name the file"
            " with --data, or leave them out."
        )
    kind: DataKind | None = "table" if args.target or args.ignore else None
    return Options(
        kind, encoding=args.encoding or "utf-8", targets=tuple(args.target), ignore=tuple(args.ignore)
    )


def named_or_suited(design: Design, plan: Plan, args: argparse.Namespace) -> DataFacts:
    """What the named data offers or, where none was named, built-in data on which the design can train."""
    options = own_options(args)
    named = args.data is not None or any(value.startswith("plan.data=") for value in args.values)
    if not named and (found := suited_data(design, plan)):
        print(found.why, file=sys.stderr)
        return found.facts
    return load(plan.data, data_root(), options).facts


def run(args: argparse.Namespace) -> int:
    """Train; the run id is the last line of stdout. 0 if done, 130 if paused, else 1."""
    design, plan = read_design(args.design)
    design, plan = with_values(design, plan, args.values)
    for name, value in (("seed", args.seed), ("data", args.data)):
        if value is not None:
            plan = with_plan_value(plan, [name], value)
    if args.steps is not None or args.seconds is not None:
        plan = with_plan_value(plan.replaced(steps=None), ["seconds"], args.seconds)
        plan = with_plan_value(plan, ["steps"], args.steps)
    if plan.steps is None and plan.seconds is None:
        raise UserError(
            f"Nothing says how long to train {args.design}. To fix this, add --steps 500 or --seconds 60."
        )

    facts = named_or_suited(design, plan, args)
    plan = plan.replaced(data=facts.name)
    if args.match and (edit := fitting(design, plan, facts)):
        matched = apply(design, edit)
        if isinstance(matched, Design):
            design = matched
            print(edit.label, file=sys.stderr)
    if plan.objective == suggested_objective(design) != Plan().objective:
        kind = plan.objective.kind
        print(f"Objective: {kind}, with which this routing is usually trained.", file=sys.stderr)
    problems = check(design, plan, facts, stage="train")
    for problem in problems:
        print(f"{problem.severity}: {problem}", file=sys.stderr)
    if any(problem.severity == "error" for problem in problems):
        fits = None if args.match else match_task(design, facts)
        hint = f" With --match: {fits.label[:1].lower()}{fits.label[1:]}." if fits else ""
        raise UserError(f"Nothing was started, because of the errors above.{hint}")

    parent, relation = lineage(database.open(data_root()), design, plan)
    run_id = engine().start(
        design.model_dump_json(), plan, plan.data, uuid4().hex, parent=parent, relation=relation
    )
    ended = follow(engine(), database.open(data_root()), run_id)
    if ended.message:
        print(ended.message, file=sys.stderr)
    if ended.status is Status.PAUSED:
        print(f"To go on: python -m app runs resume {run_id}", file=sys.stderr)
    print(run_id)
    return 0 if ended.status is Status.DONE else NOT_DONE.get(ended.status, 1)
