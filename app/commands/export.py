"""`python -m app export RUN`: take a trained model away, checked against the studio's own results."""

import argparse
import json
import sys
from pathlib import Path

from app.errors import UserError
from app.paths import data_root
from core.export.errors import ExportError
from core.export.registry import TARGETS, find
from storage import database, runs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A run, a target, a place."""
    parser.add_argument("run_id", metavar="RUN", help="id of a run")
    parser.add_argument("--to", required=True, metavar="TARGET", help=" | ".join(TARGETS))
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="where to write")
    parser.add_argument("--step", type=int, metavar="N", help="a kept checkpoint (default: the newest)")
    parser.add_argument(
        "--no-routing", action="store_true", help="leave out the outputs that tell each token's experts"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")


def run(args: argparse.Namespace) -> int:
    """Print the figures; 0 if the file answers as the model does, 1 if not: then nothing is written."""
    try:
        find(args.to)
    except ExportError as error:
        raise UserError(str(error)) from error
    found = runs.get(database.open(data_root()), args.run_id)
    # torch takes seconds to load; a wrong run or target should not wait for it.
    from app.exporting import export_run

    path = args.out.expanduser()
    report, notes = export_run(
        data_root(),
        found,
        args.to,
        path,
        routing=not args.no_routing,
        progress=lambda share, message: print(f"{share:>4.0%}  {message}", file=sys.stderr),
        step=args.step,
    )
    if args.json:
        print(json.dumps({"run": found.id, **report.as_json(), "out": str(path), "notes": notes}))
    else:
        print("\n".join([*report.lines(), *notes]))
    if not report.passed:
        print(f"{path} was not written, because it does not answer as the run does.", file=sys.stderr)
    return 0 if report.passed else 1
