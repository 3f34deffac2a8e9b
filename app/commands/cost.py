"""`python -m app cost DESIGN`: parameters and FLOPs, and a step on a target."""

import argparse
import json

from app.commands.routing import stored_trace
from app.designs import DESIGN_HELP, read_design
from app.errors import UserError
from app.paths import data_root
from core.cost import format as fmt
from core.cost.count import Counts, count
from core.cost.devices import registry
from core.cost.estimate import Estimate, estimate
from core.cost.figure import Figure
from core.cost.flops import flops
from core.cost.formats import WEIGHTS, widths
from core.cost.formulas import FORMULAS
from core.cost.memory import weight_bytes
from core.cost.routing import Seen, rates_of, routing_figures, seen
from core.cost.scenario import PHASES
from core.design.rules import check, errors
from core.design.spec import Design
from storage import database, runs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """DESIGN, and what to ask of a target."""
    parser.add_argument("design", metavar="DESIGN", help=DESIGN_HELP)
    parser.add_argument("--target", help=f"one of: {', '.join(registry.names())}; none: counts only")
    parser.add_argument("--phase", help=f"{' | '.join(PHASES)}; by default what the design is for")
    parser.add_argument("--batch", type=int, default=1, help="sequences or examples (default: 1)")
    parser.add_argument("--context", type=int, help="tokens (default: the design's own)")
    formats = f"one of: {', '.join(WEIGHTS)}, or a JSON file of widths by part; on an FPGA such as w8a8"
    parser.add_argument("--weights", help=formats)
    parser.add_argument("--run", dest="run_id", metavar="RUN", help="count with what a run of it measured")
    parser.add_argument("--json", action="store_true", help="one JSON object and nothing else")


def run(args: argparse.Namespace) -> int:
    """Print the figures, each with its grade; 1 where the design has errors."""
    design, plan = read_design(args.design)
    found = errors(check(design, stage="cost"))
    if found:
        raise UserError("\n".join(f"{problem.path or '/'}: {problem}" for problem in found))
    try:
        measured = _measured(design, args.run_id) if args.run_id else {}
        counts = count(design, rates_of(measured))
        if not args.target:
            _only_counted(design, args)
        figures = _counted(counts, args.context, args.weights)
        figures |= routing_figures(design, plan.objective, measured)
        step = _estimated(design, args, measured) if args.target else None
    except ValueError as error:
        raise UserError(str(error)) from None
    if args.json:
        print(json.dumps(_document(counts, figures, step), indent=2))
    else:
        _print_figures(figures)
        if step is not None:
            _print_step(step)
    return 0


def _counted(counts: Counts, context: int | None, weights: str | None) -> dict[str, Figure]:
    total, r1, r2, r3, cached = counts.figures()
    forward, attention, _ = flops(counts, context).figures()
    train = flops(count(counts.design, training=True), context).figures()[2]
    square = flops(counts, context, causal_half=False).figures()[1]
    # An FPGA takes other words for its bits.
    stored = widths(weights if weights in WEIGHTS else "bf16")
    tokens = counts.design.task.tokens if context is None else context
    return {
        "total parameters": total,
        "active parameters (R1)": r1,
        "active, no input table (R2)": r2,
        "active, no embedding or head (R3)": r3,
        "cached KV, no window": cached,
        "cached KV, windows applied": counts.cached(tokens),
        "forward": forward,
        "of it attention, causal": attention,
        "attention over all keys": square,
        "forward and backward": train,
        f"weights, {stored.name}": weight_bytes(counts, stored),
    }


def _only_counted(design: Design, args: argparse.Namespace) -> None:
    """Judge what only a step on a target needs, as such a step would. Raises ValueError."""
    if args.weights is not None:
        widths(args.weights)
    estimate(design, registry.names()[0], phase=_phase(design, args), batch=args.batch, context=args.context)


def _phase(design: Design, args: argparse.Namespace) -> str:
    asked: str | None = args.phase
    return asked or ("decode" if design.task.causal_loss else "prefill")


def _measured(design: Design, run_id: str) -> dict[str, Seen]:
    """What the trace of a run says of routed layers. Raises UserError, and ValueError of another design."""
    return seen(design, stored_trace(runs.get(database.open(data_root()), run_id)).layers)


def _estimated(design: Design, args: argparse.Namespace, measured: dict[str, Seen]) -> Estimate:
    return estimate(
        design,
        args.target,
        phase=_phase(design, args),
        batch=args.batch,
        context=args.context,
        weights=args.weights,
        measured=rates_of(measured),
    )


def _print_figures(figures: dict[str, Figure]) -> None:
    wide = max(map(len, figures))
    for name, figure in figures.items():
        print(f"{name:{wide}}  {fmt.show(figure)}")


def _print_step(step: Estimate) -> None:
    load = step.load
    asked = f"batch {load.batch}, context {fmt.fixed(load.context, 0)}, {load.weights.name}"
    print(f"\n{step.title}, {load.phase}, {asked}")
    uses = {use.name: use.used for use in step.fit.uses} if step.fit else {}
    memory = {} if step.fit else {**dict(step.needs.rows), "memory in all": step.needs.total}
    _print_figures({"time": step.step, "rate": step.rate, **memory, **uses})
    print(f"fits: {'yes' if step.fits else 'no, ' + '; '.join(step.lacks)}")
    if step.change:
        print(f"smallest change: {step.change}")
    if step.fit:
        tokens = fmt.rounded(step.fit.hidden_rows)
        print(f"engine: {step.fit.engine}; an expert hides the next load from {tokens} tokens on")
    print(f"\n{'operator':20}  {'where':40}  {'FLOPs':>10}  {'bytes':>10}  {'time':>10}  bound")
    for op in step.ops:
        work, moved, time = fmt.letters(op.flops), fmt.size(op.bytes), fmt.seconds(op.seconds)
        print(f"{op.name:20}  {op.pointer:40}  {work:>10}  {moved:>10}  {time:>10}  {op.bound}")
    if step.host:
        print(f"{'host':20}  {'':40}  {'':>10}  {'':>10}  {fmt.seconds(step.host):>10}  overhead")
    print(f"\n{step.source}")


def _document(counts: Counts, figures: dict[str, Figure], step: Estimate | None) -> dict[str, object]:
    out: dict[str, object] = {
        "design": counts.design.name,
        "sha": counts.design.sha,
        "figures": {name: figure.as_json() for name, figure in figures.items()},
        "parts": [
            {
                "path": part.pointer,
                "kind": part.kind,
                "times": part.times,
                "parameters": part.parameters,
                "active": part.active,
                "flops_per_token": 2 * (part.gemm_macs + part.token_macs),
            }
            for part in counts.parts
        ],
    }
    if step is not None:
        out["estimate"] = _step_document(step)
    used = [figure.formula for figure in figures.values()]
    used += [step.step.formula, step.rate.formula] if step else []
    return out | {"formulas": {name: FORMULAS[name] for name in dict.fromkeys(used)}}


def _step_document(step: Estimate) -> dict[str, object]:
    out: dict[str, object] = {
        "target": step.target,
        "phase": step.load.phase,
        "batch": step.load.batch,
        "context": step.load.context,
        "weights": step.load.weights.name,
        "time": step.step.as_json(),
        "rate": step.rate.as_json(),
        "memory": {name: figure.as_json() for name, figure in step.needs.rows},
        "available": step.has,
        "fits": step.fits,
        "lacks": list(step.lacks),
        "change": step.change,
        "operators": [vars(op) for op in step.ops],
        "host": step.host,
        "source": step.source,
    }
    if step.fit:
        out["resources"] = {
            use.name: {**use.used.as_json(), "available": use.available} for use in step.fit.uses
        }
        out["engine"] = str(step.fit.engine)
    return out
