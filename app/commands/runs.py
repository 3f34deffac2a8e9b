"""`python -m app runs`: list runs, look at one or compare two, pause, resume, stop or delete one."""

import argparse
import json
import sys
from typing import Any

from app.columns import columns
from app.comparing_losses import losses, verdict
from app.comparing_runs import differences, figures, headline
from app.errors import UserError
from app.following import describe, gone, rested
from app.jobs import engine
from app.paths import data_root
from storage import database, metrics, runs
from storage.database import Database
from storage.records import RunPublic
from storage.status import ACTIVE, SETTLED, Status

ACTIONS = ("show", "compare", "pause", "resume", "stop", "delete")
#: Where an action may leave a run and count as done: after a pause or stop nothing may train any more.
REACHED = {
    "pause": SETTLED,
    "resume": {Status.QUEUED, Status.RUNNING, Status.DONE},
    "stop": SETTLED - {Status.PAUSED, Status.LOST},
}
SHOW = "python -m app runs show"
MEANT = {"pause": Status.PAUSED, "stop": Status.STOPPED}
#: Letters of a setting in a column of `compare`; `--json` has all of it.
WIDEST = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """An action and a run, or nothing for the list."""
    parser.add_argument("action", nargs="?", choices=ACTIONS, help="what to do (default: list all runs)")
    parser.add_argument("run_id", nargs="?", metavar="RUN", help="id of a run")
    parser.add_argument("other_id", nargs="?", metavar="OTHER", help="compare: id of the other run")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")


def run(args: argparse.Namespace) -> int:
    """0 if the run is where the action was to bring it."""
    if args.action and not args.run_id:
        raise UserError(f"{args.action} needs a run. To fix this, add an id from: python -m app runs")
    if (args.action == "compare") != (args.other_id is not None):
        raise UserError(
            "compare takes two runs, and nothing else does. To fix this, write:"
            " python -m app runs compare RUN OTHER"
        )
    db = database.open(data_root())
    engine().reap()
    if not args.action:
        return show_all(db, args.json)
    if args.action == "show":
        return show_one(db, args.run_id, args.json)
    if args.action == "compare":
        return compare(db, args.run_id, args.other_id, args.json)
    if args.action == "delete":
        return delete(db, args.run_id, args.json)
    before = runs.get(db, args.run_id)
    getattr(engine(), args.action)(args.run_id)
    after = runs.get(db, args.run_id) if args.action == "resume" else rested(engine(), db, args.run_id)
    out(args.json, {"run": after.id, "status": after.status}, f"{after.id}  {after.status}")
    if said := explained(args.action, before, after):
        print(said, file=sys.stderr)
    return 0 if after.status in REACHED[args.action] else 1


def explained(action: str, before: RunPublic, after: RunPublic) -> str:
    """Why a run is not where a pause or stop brings one; empty if it is, or if it went there just now."""
    if action not in MEANT or after.status is MEANT[action]:
        return ""
    if after.status in ACTIVE:
        return f"The run is still {after.status}: its worker has not ended. To look again: {SHOW} {after.id}"
    if before.status is after.status:
        return f"The run was {after.status} already, so there was nothing to {action}."
    return f"The run was {after.status} before it could {action}."


def show_all(db: Database, as_json: bool) -> int:
    """The list, the newest first."""
    found = runs.listing(db)
    newest = metrics.newest(db, [entry.id for entry in found])
    rows = [
        {
            **entry.model_dump(mode="json"),
            "loss": newest[entry.id].loss if entry.id in newest else None,
        }
        for entry in found
    ]
    lines = [
        f"{row['id']:<48} {row['status']:<9} {row['step']:>8,}  "
        f"{'' if row['loss'] is None else format(row['loss'], '.4f'):>8}  {row['data']}"
        for row in rows
    ]
    head = f"{'run':<48} {'status':<9} {'step':>8}  {'loss':>8}  data"
    empty = "No runs yet. To make one: python -m app train starter --data text --steps 100"
    out(as_json, {"runs": rows}, "\n".join([head, *lines]) if rows else empty)
    return 0


def show_one(db: Database, run_id: str, as_json: bool) -> int:
    """Everything about one run."""
    found = runs.get(db, run_id)
    row = metrics.newest(db, [run_id]).get(run_id)
    events = [event.model_dump() for event in metrics.events(db, run_id)]
    document = found.model_dump(mode="json")
    document["design"] = json.loads(found.design)
    document |= {"last": row.model_dump(mode="json") if row else None, "events": events}
    lines = [
        f"{found.id}  {found.name}",
        describe(found, row),
        found.message,
        f"data {found.data}  seed {found.seed}  design {found.design_sha[:12]}",
        *(f"step {event['step']:,}  {event['text']}" for event in events),
    ]
    out(as_json, document, "\n".join(line for line in lines if line))
    return 0


def compare(db: Database, one_id: str, other_id: str, as_json: bool) -> int:
    """What was set differently for two runs, which ended lower, and their last figures."""
    if one_id == other_id:
        raise UserError(
            f"{one_id} is the same run twice. To fix this, name another one from: python -m app runs"
        )
    pair = runs.get(db, one_id), runs.get(db, other_id)
    recorded = metrics.read(db, one_id), metrics.read(db, other_id)
    found = differences(db, *pair)
    ended = verdict(pair, losses(pair, recorded))
    last = [figures(run, rows) for run, rows in zip(pair, recorded, strict=True)]
    rows = [(d.where, d.setting, *shortened(d.one, d.other)) for d in found]
    figured = [(name, *(each[name] for each in last)) for name in last[0]]
    text = "\n".join(
        [
            headline(found),
            *([columns([("where", "setting", one_id, other_id), *rows])] if rows else []),
            "",
            ended,
            columns([("figure", one_id, other_id), *figured]),
        ]
    )
    document = {
        "runs": [one_id, other_id],
        "differences": [difference._asdict() for difference in found],
        "losses": ended,
        "figures": last,
    }
    out(as_json, document, text)
    return 0


def shortened(one: str, other: str) -> tuple[str, str]:
    """Two cells that leave room for their neighbours and still show where they part."""
    if max(len(one), len(other)) <= WIDEST:
        return one, other
    shared = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
    start = max(0, shared - WIDEST // 2)
    first, second = (f"…{cell[start:]}" if start else cell for cell in (one, other))
    return _cut(first), _cut(second)


def _cut(cell: str) -> str:
    return cell if len(cell) <= WIDEST else f"{cell[: WIDEST - 1]}…"


def delete(db: Database, run_id: str, as_json: bool) -> int:
    """Remove a run; waits for its worker to end."""
    runs.get(db, run_id)
    engine().delete(run_id)
    done = gone(engine(), db, run_id)
    out(as_json, {"run": run_id, "deleted": done}, f"{run_id}  {'deleted' if done else 'stopping'}")
    return 0 if done else 1


def out(as_json: bool, document: dict[str, Any], text: str) -> None:
    """One JSON object, or text."""
    print(json.dumps(document, ensure_ascii=False) if as_json else text)
