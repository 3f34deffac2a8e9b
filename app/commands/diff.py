"""`python -m app diff A B`: what differs between two designs, and what each costs."""

import argparse
import json
from dataclasses import asdict

from app.comparing import changes, costs
from app.designs import DESIGN_HELP, read_design


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The two designs."""
    parser.add_argument("before", metavar="A", help=DESIGN_HELP)
    parser.add_argument("after", metavar="B", help="the other one")
    parser.add_argument("--json", action="store_true", help="one JSON object and nothing else")


def run(args: argparse.Namespace) -> int:
    """One change a line, then the cost of both."""
    before, after = (read_design(name)[0] for name in (args.before, args.after))
    found, cost = changes(before, after), costs(before, after)
    if args.json:
        figures = {c.label: {"before": c.before.as_json(), "after": c.after.as_json()} for c in cost}
        print(json.dumps({"changes": [asdict(change) for change in found], "cost": figures}, indent=2))
        return 0
    for change in found:
        print(change)
    if not found:
        print("no difference")
    rows = [("", args.before[-24:], args.after[-24:], ""), *((c.label, *c.texts) for c in cost)]
    wide = [max(len(row[column]) for row in rows) for column in range(3)]
    print()
    for label, x, y, difference in rows:
        print(f"{label:{wide[0]}}  {x:>{wide[1]}}  {y:>{wide[2]}}  {difference}".rstrip())
    return 0
