"""`python -m app train DESIGN`: train here and follow it."""

import argparse
import sys
from uuid import uuid4

from app.designs import read_design, with_plan_value, with_values
from app.errors import UserError
from app.following import follow
from app.jobs import engine
from app.paths import data_root
from core.data.load import load
from core.design.edits import apply
from core.design.match import match_task
from core.design.plan import Plan
from core.design.rules import check
from core.design.spec import Design
from storage import database, runs
from storage.records import Relation
from storage.status import Status

NOT_DONE = {Status.PAUSED: 130}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to train, on what, how long."""
    parser.add_argument("design", metavar="DESIGN", help="a preset or the path of a design file")
    parser.add_argument(
        "--data", metavar="NAME", help="text, digits, table:NAME, a stored data set, or a path"
    )
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


def relation(plan: Plan) -> Relation | None:
    """What a run is to the one it starts from."""
    if plan.start_from is None:
        return None
    return (
        "extend" if runs.get(database.open(data_root()), plan.start_from).data == plan.data else "fine_tune"
    )


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

    facts = load(plan.data, data_root()).facts
    plan = plan.replaced(data=facts.name)
    if args.match and (edit := match_task(design, facts)):
        matched = apply(design, edit)
        if isinstance(matched, Design):
            design = matched
            print(edit.label, file=sys.stderr)
    problems = check(design, plan, facts, stage="train")
    for problem in problems:
        print(f"{problem.severity}: {problem}", file=sys.stderr)
    if any(problem.severity == "error" for problem in problems):
        raise UserError("Nothing was started, because of the errors above.")

    run_id = engine().start(
        design.model_dump_json(),
        plan,
        plan.data,
        uuid4().hex,
        parent=plan.start_from,
        relation=relation(plan),
    )
    ended = follow(engine(), database.open(data_root()), run_id)
    if ended.message:
        print(ended.message, file=sys.stderr)
    if ended.status is Status.PAUSED:
        print(f"To go on: python -m app runs resume {run_id}", file=sys.stderr)
    print(run_id)
    return 0 if ended.status is Status.DONE else NOT_DONE.get(ended.status, 1)
