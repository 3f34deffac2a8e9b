"""`python -m app check DESIGN`: what stands in the way of drawing, costing, training or exporting it."""

import argparse
import sys

from app.designs import DESIGN_HELP, read_design
from app.errors import UserError
from app.paths import data_root
from core.data.load import load
from core.data.suited import suited_data
from core.design.rules import check
from core.export.errors import ExportError
from core.export.registry import find

STAGES = ("design", "cost", "train")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """DESIGN, the stage to reach, and the data to train on."""
    parser.add_argument("design", metavar="DESIGN", help=DESIGN_HELP)
    parser.add_argument(
        "--data",
        metavar="NAME",
        help="check against this data set too; implies stage train (default there: what train would take)",
    )
    parser.add_argument(
        "--stage", metavar="S", help=f"{' | '.join(STAGES)} | export:TARGET (default: design)"
    )


def run(args: argparse.Namespace) -> int:
    """One problem a line: severity, code, place, message, and what would mend it. 1 if any is an error."""
    design, plan = read_design(args.design)
    stage = args.stage or ("train" if args.data else "design")
    _known(stage)
    facts = load(args.data, data_root()).facts if args.data else None
    if facts is None and stage == "train" and (found := suited_data(design, plan)):
        print(found.why, file=sys.stderr)
        facts = found.facts
    problems = check(design, plan if facts else None, facts, stage=stage)
    for problem in problems:
        print(f"{problem.severity}: {problem.code} at {problem.path or '/'}: {problem}")
        for edit in problem.edits:
            print(f"    possible edit: {edit.label}")
    if not problems:
        print(f"{args.design}: no problems at stage {stage}")
    return int(any(problem.severity == "error" for problem in problems))


def _known(stage: str) -> None:
    """Raises UserError for a stage that cannot be reached."""
    kind, colon, target = stage.partition(":")
    if stage in STAGES:
        return
    if kind != "export" or not colon:
        raise UserError(
            f"There is no stage {stage!r}. To fix this, use one of: {', '.join(STAGES)}, export:onnx."
        )
    try:
        find(target)
    except ExportError as error:
        raise UserError(str(error)) from None
