"""`python -m app whatif RUN --off LAYER:EXPERT`: what experts switched off, on or favoured do."""

import argparse
import json
import uuid
from typing import Any

from app.asking import answered, design_of, overrides
from app.errors import UserError
from app.inference.keeping import keep
from app.paths import data_root
from core.analysis.differential import differential, prompts
from core.analysis.errors import AnalysisError
from core.analysis.reading import figure, plain
from core.design.override import sendable
from core.probe.answers import Sweep, TraceFile, WhatIf
from core.trace.record import read
from storage import database, files


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A run, experts, and what to measure."""
    parser.add_argument("run_id", metavar="RUN", help="id of a run")
    for name, told in (("off", "never picked"), ("on", "picked for every token")):
        parser.add_argument(
            f"--{name}",
            action="append",
            default=[],
            metavar="LAYER:EXPERT",
            help=f"an expert {told}; repeatable",
        )
    parser.add_argument(
        "--boost", action="append", default=[], metavar="LAYER:EXPERT[=B]", help="add B (2) to its logit"
    )
    parser.add_argument(
        "--for", dest="scope", choices=("all", "prefill", "decode"), default="all", help="which tokens"
    )
    parser.add_argument("--prompt", action="append", default=[], metavar="TEXT", help="go on after this")
    parser.add_argument("--tokens", type=int, default=80, metavar="N", help="how far (default: 80)")
    parser.add_argument(
        "--domain", action="append", default=[], help="held-out text to measure (default: all)"
    )
    parser.add_argument("--examples", type=int, metavar="N", help="of each domain (default: as in training)")
    parser.add_argument("--keep", metavar="NAME", help="keep it as a run of its own")
    parser.add_argument(
        "--sweep", metavar="DOMAIN", help="switch off the experts most distinctive of a domain instead"
    )
    parser.add_argument("--sizes", default="1,2", metavar="N,N", help="of the sweep: how many (default: 1,2)")
    parser.add_argument("--draws", type=int, default=20, help="of the sweep: controls (default: 20)")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")


def run(args: argparse.Namespace) -> int:
    """Print losses before and after by domain, and both ways of going on."""
    if args.sweep:
        swept = sweep(args)
        print(json.dumps(plain(swept)) if args.json else "\n".join(sweep_lines(swept)))
        return 0
    wanted = sendable(overrides(design_of(args.run_id), args.off, args.on, args.boost, args.scope))
    if not wanted:
        raise UserError("Nothing is switched. To fix this, add --off, --on or --boost, such as --off 3:5.")
    asked = {"overrides": wanted, "domains": args.domain, "prompts": args.prompt, "tokens": args.tokens}
    found: WhatIf = answered(args.run_id, "whatif", examples=args.examples, **asked)
    kept = _kept(args, wanted) if args.keep else None
    if args.json:
        print(json.dumps({**plain(found), "kept": kept}))
    else:
        print("\n".join([*lines(found), *([kept] if kept else [])]))
    return 0


def _kept(args: argparse.Namespace, wanted: dict[str, Any]) -> str:
    return keep(database.open(data_root()), args.run_id, wanted, args.keep, uuid.uuid4().hex)


def lines(found: WhatIf) -> list[str]:
    """The change of loss by domain with its interval, and what is generated."""
    rows = [f"{found.run}  step {found.step:,}  change of loss in nats, {found.measured}", *found.notes]
    width = max((len(shift.domain) for shift in found.shifts), default=0)
    for shift in found.shifts:
        sure = (
            "" if shift.low is None or shift.high is None else f"  95 % {shift.low:+.3f} to {shift.high:+.3f}"
        )
        rows.append(
            f"{shift.domain:<{width}}  {shift.before:.3f} -> {shift.after:.3f}  {shift.delta:+.3f}{sure}"
        )
    for each in found.generations:
        rows += ["", f"after {each.prompt!r}", f"  as it is  {each.before!r}", f"  switched  {each.after!r}"]
    return rows


def sweep(args: argparse.Namespace) -> Sweep:
    """The most distinctive experts of a domain: found on one half of held-out text, measured on the other."""
    try:
        sizes = tuple(int(size) for size in args.sizes.split(","))
    except ValueError as error:
        raise UserError(f"--sizes is {args.sizes!r}. To fix this, write numbers, such as 1,2,4.") from error
    written: TraceFile = answered(args.run_id, "trace", part="first", examples=args.examples)
    trace = read(files.folder(data_root(), "runs", args.run_id) / written.path)
    if args.sweep not in trace.domains:
        raise UserError(
            f"The run knows no domain {args.sweep!r}. To fix this, name one of: {', '.join(trace.domains)}."
        )
    try:
        found = prompts(trace)
        maps = differential(found.share_PLE, found.group_P, trace.domains)
    except AnalysisError as error:
        raise UserError(str(error)) from error
    cells = maps.distinctive(trace.domains.index(args.sweep), max(sizes))
    named = [(found.paths[layer], expert) for layer, expert in cells]
    asked = {"target": args.sweep, "cells": named, "sizes": sizes, "draws": args.draws}
    answer: Sweep = answered(args.run_id, "sweep", examples=args.examples, **asked)
    return answer


def sweep_lines(found: Sweep) -> list[str]:
    """What the chosen experts and their controls do to the target, and to the other domains."""
    target = found.domains.index(found.target)
    rows = [f"{found.run}  step {found.step:,}  rise of the loss in nats with experts of {found.target} off"]
    for step in found.steps:
        control = float(step.control_DN[:, target].mean())
        named = ", ".join(f"{path}:{expert}" for path, expert in step.cells)
        rows.append(f"{step.size} off: {named}")
        own = float(step.delta_N[target])
        draws = len(step.control_DN)
        rows.append(
            f"  {found.target}  {own:+.3f}  against {control:+.3f} of {draws} controls: more by"
            f" {step.difference:.3f}  95 % {step.difference_low:+.3f} to {step.difference_high:+.3f}"
        )
        if step.ratio is not None and step.ratio_low is not None:
            high = "any number" if step.ratio_high is None else figure(step.ratio_high)
            rows.append(f"  {figure(step.ratio)} times the controls  95 % {figure(step.ratio_low)} to {high}")
        others = ", ".join(
            f"{name} {delta:+.3f}"
            for name, delta in zip(found.domains, step.delta_N.tolist(), strict=True)
            if name != found.target
        )
        rows.append(f"  elsewhere: {others}; controls have {figure(step.matched)} times the picks")
    return rows
