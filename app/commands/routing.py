"""`python -m app routing RUN`: load and specialization of every routed layer, or one analysis with --show."""

import argparse
import json
from collections.abc import Sequence
from typing import Any

from app.errors import UserError
from app.over_training import HISTORY, Past
from app.paths import data_root
from app.record import layer_names, read_design, renamed
from core.analysis.errors import AnalysisError
from core.analysis.labels import Labels
from core.analysis.reading import plain
from core.analysis.shows import SHOWS, Refused
from core.analysis.summary import summary
from core.trace.errors import TraceError
from core.trace.newest import newest_trace
from core.trace.record import Trace, read
from storage import database, files, metrics, runs
from storage.database import Database
from storage.records import RunPublic
from storage.status import ACTIVE, RESUMABLE, Status

HEAD = ("layer", "experts", "CV", "MaxVio", "dead", "dropped", "entropy", "specialization", "chance", "95 %")
KEYS = ("cv", "max_violation", "dead", "drop_rate", "entropy")
LEVELS = ("specialization", "specialization_chance", "specialization_chance_95")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A run, and what to show of it."""
    parser.add_argument("run_id", metavar="RUN", help="id of a run")
    tells = {name: show.tells for name, show in SHOWS.items()} | {
        name: tells for name, (tells, _) in HISTORY.items()
    }
    parser.add_argument(
        "--show",
        choices=tuple(tells),
        metavar="NAME",
        help="one analysis: " + "; ".join(f"{name}, {text}" for name, text in tells.items()),
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")


def run(args: argparse.Namespace) -> int:
    """Print the figures; 0 unless there is nothing to make them of."""
    db = database.open(data_root())
    found = runs.get(db, args.run_id)
    if args.show:
        return show(db, found, args.show, args.json)
    trace = stored_trace(found)
    layers = summary(trace)
    if args.json:
        print(json.dumps({"run": found.id, "step": trace.header.checkpoint, "layers": layers}))
    else:
        print(table(found.id, trace, layers))
    return 0


def show(db: Database, found: RunPublic, name: str, as_json: bool) -> int:
    """Print one analysis."""
    try:
        results = analysed(db, found, name)
    except (AnalysisError, TraceError) as error:
        raise UserError(renamed(str(error), paths_of(found))) from error
    if not results:
        raise UserError(
            f"No layer of {found.id} has {name} to show. To fix this, choose a run with a layer that selects"
            " experts."
        )
    if as_json:
        print(json.dumps({"run": found.id, "show": name, "results": plain(results)}))
    else:
        lines = [line for result in results for line in said(result)]
        print(renamed("\n".join(lines), paths_of(found)))
    return 0


def paths_of(found: RunPublic) -> list[str]:
    """Layers of a run that may be named, by path."""
    return [part.path for part in read_design(found.design).occurrences() if part.body.bank]


def analysed(db: Database, found: RunPublic, name: str) -> list[Any]:
    """Results of an analysis, a layer each as a rule."""
    if name in SHOWS:
        return SHOWS[name].of(stored_trace(found))
    _, of = HISTORY[name]
    rows = metrics.read(db, found.id, without=("domain_expert", "domain_share"))
    by_path = of(Past(rows, files.folder(data_root(), "runs", found.id)))
    return [{"path": path, **vars(result)} for path, result in by_path.items()]


def said(result: Any) -> list[str]:
    """A result for a reader; the arrays are in --json."""
    if isinstance(result, Refused):
        return [f"{result.path}  {result.refused}"]
    shown = result if isinstance(result, dict) else vars(result)
    where = f"{shown['path']}  " if "path" in shown else ""
    lines = [f"{where}{shown['reading']}"]
    if isinstance(result, Labels):
        lines += [f"  expert {each.expert}: {each.label}" for each in result.experts]
    return lines


def stored_trace(found: RunPublic) -> Trace:
    """The newest trace of a run. Raises UserError."""
    path = newest_trace(files.folder(data_root(), "runs", found.id))
    if path is None:
        raise UserError(f"{found.id} is {found.status} and has no trace: {missing(found)}")
    try:
        return read(path)
    except TraceError as error:
        raise UserError(str(error)) from error


def missing(found: RunPublic) -> str:
    """Why a run has no trace, and what brings one."""
    plan = found.resolved_plan or found.plan
    again = f"python -m app runs resume {found.id}"
    if plan.trace_tokens == 0:
        return (
            "its plan traces no tokens (trace_tokens is 0). To fix this, train again with more, such as"
            " --set plan.trace_tokens=16384"
        )
    if found.status in ACTIVE or found.status is Status.QUEUED:
        return (
            "one is written when a run ends. To fix this, let it train to its end, or stop it once it trains:"
            f" python -m app runs stop {found.id}"
        )
    if found.status in RESUMABLE:
        return f"it ended before the held-out set was traced. To fix this, resume it: {again}"
    return f"the file is gone from its folder. To fix this, trace it again: python -m app trace {found.id}"


def table(run_id: str, trace: Trace, layers: list[dict[str, Any]]) -> str:
    """The same for a reader: figures, then how the tokens of each layer were shared out."""
    head = trace.header
    said = f"{run_id}  step {head.checkpoint:,}  {head.tokens:,} held-out tokens of {', '.join(head.domains)}"
    if not layers:
        return f"{said}\nThis design has no routed layer."
    names = layer_names([layer["path"] for layer in layers])
    rows = [HEAD, *((names[layer["path"]], *cells(layer)) for layer in layers)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    loads = [f"{names[layer['path']]}  load  {shares(layer['load'])}" for layer in layers if layer["load"]]
    soft = [
        f"{names[layer['path']]}  {line}"
        for layer in layers
        if layer["share"]
        for line in soft_lines(layer, head.domains)
    ]
    return "\n".join([said, *lines, "", *loads, *soft])


def soft_lines(layer: dict[str, Any], domains: tuple[str, ...]) -> list[str]:
    """Shares of experts where nothing is selected: overall, and by domain."""
    rows = {"share of outputs (nothing is selected)": layer["share"]}
    rows |= {
        f"share in {domain}": share for domain, share in zip(domains, layer["domain_share"], strict=True)
    }
    return [f"{name}  {shares(share)}" for name, share in rows.items()]


def cells(layer: dict[str, Any]) -> tuple[str, ...]:
    """Figures of a layer as text; – where one is not defined."""
    experts = str(len(layer["load"] or layer["share"] or ()))
    return (experts, *(number(layer[key]) for key in (*KEYS, *LEVELS)))


def number(value: float | None) -> str:
    """Counts whole, everything else to three digits."""
    if value is None:
        return "–"
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def shares(load: Sequence[float]) -> str:
    """Each expert's part of the sum."""
    whole = sum(load) or 1
    return "  ".join(f"{expert}: {part / whole:.1%}" for expert, part in enumerate(load))
