"""`python -m app cost DESIGN`: parameters and FLOPs, and a step on a target."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace

from app.commands.routing import stored_trace
from app.costing.change import with_change
from app.costing.document import document, refused
from app.designs import DESIGN_HELP, read_design
from app.errors import UserError
from app.paths import data_root
from core.cost import format as fmt
from core.cost.alike import exponent
from core.cost.asking import Asked, RefusedError
from core.cost.asking import refused as no_sense
from core.cost.caveats import SOFTWARE
from core.cost.count import Counts, count
from core.cost.demand import Demand
from core.cost.devices import registry
from core.cost.devices.base import Processor
from core.cost.estimate import Estimate, demanded, estimate, without_design
from core.cost.figure import Figure
from core.cost.flops import flops
from core.cost.formats import WEIGHTS, Widths, widths
from core.cost.memory import weight_bytes
from core.cost.money import spent
from core.cost.optimizers import OPTIMIZERS
from core.cost.rates import Measured
from core.cost.routing import rates_of, routing_figures, seen
from core.cost.scenario import PHASES, RECOMPUTES, STACKS, WAYS
from core.design.problems import Problem
from core.design.rules import check, errors
from core.design.spec import Design
from core.trace.record import Trace
from storage import database, runs
from storage.errors import NotFoundError

#: Flags that take numbers, and what those have by default that do not follow from the rest.
_NUMBERS = {
    **dict.fromkeys(("batch", "context", "sequence", "tp", "ep", "pp", "dp", "devices"), "whole number"),
    **dict.fromkeys(("micro_batch", "zero", "offload_layers"), "whole number"),
    **dict.fromkeys(("price", "watts", "correlation"), "number"),
}
_USUAL = {"tp": 1, "ep": 1, "pp": 1, "zero": 1}
_SUCH = {"whole number": "8 or 1e3", "number": "2.5"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """DESIGN, and what to ask of a target."""
    parser.add_argument("design", metavar="DESIGN", help=DESIGN_HELP)
    parser.add_argument("--target", help=f"one of: {', '.join(registry.names())}; none: counts only")
    parser.add_argument("--phase", help=f"{' | '.join(PHASES)}; by default what the design is for")
    parser.add_argument(
        "--batch", type=_whole, help="sequences of a step, on all devices together (default: 1)"
    )
    parser.add_argument("--context", type=_whole, help="tokens there are (default: the design's own)")
    parser.add_argument(
        "--sequence", type=_whole, help="tokens of a prompt or a trained sequence (as --context)"
    )
    formats = f"one of: {', '.join(WEIGHTS)}, or a JSON file of widths by part; on an FPGA such as w8a8"
    parser.add_argument("--weights", help=formats)
    plan = parser.add_argument_group("several devices")
    plan.add_argument("--tp", type=_whole, default=1, help="ways that matrices are cut")
    plan.add_argument("--ep", type=_whole, default=1, help="ways that experts are spread")
    plan.add_argument("--pp", type=_whole, default=1, help="stages of layers")
    plan.add_argument("--dp", type=_whole, help="copies of the batch (default: what is left of --gpus)")
    plan.add_argument("--gpus", dest="devices", type=_whole, help="devices in all")
    training = parser.add_argument_group("training")
    training.add_argument("--micro-batch", type=_whole, help="sequences at once on one (default: its share)")
    training.add_argument("--zero", type=_whole, default=1, help="0 to 3: what copies share; default: 1")
    training.add_argument("--recompute", default="none", help=" | ".join(RECOMPUTES))
    training.add_argument("--optimizer", default="adamw", help=" | ".join(OPTIMIZERS))
    parser.add_argument("--stack", help=f"the software: {' | '.join(STACKS)}")
    away = parser.add_argument_group("experts that do not lie on the device")
    away.add_argument("--offload", help=f"{' | '.join(WAYS)}: computed by the host, or fetched in every pass")
    away.add_argument("--offload-layers", type=_whole, metavar="N", help="routed layers of it (default: all)")
    away.add_argument("--host", help="the CPU beside the devices, a target (default: by the kind of device)")
    parser.add_argument("--price", type=_number, help="of one device for an hour: what a million tokens cost")
    parser.add_argument("--watts", type=_number, help="of one device, as measured (default: from its rating)")
    parser.add_argument("--run", dest="run_id", metavar="RUN", help="count with what a run of it measured")
    alike = "T tokens touch as many experts as T**N independent ones (default: as the run measured, else 1)"
    parser.add_argument("--correlation", type=_number, metavar="N", help=alike)
    parser.add_argument("--json", action="store_true", help="one JSON object and nothing else")


def _whole(text: str) -> int | str:
    """A whole number, `1e3` too; other words as they are, so that they become a problem like any other."""
    value = _number(text)
    try:
        return int(text)
    except ValueError:
        return int(value) if isinstance(value, float) and value.is_integer() else text


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def run(args: argparse.Namespace) -> int:
    """Print the figures, each with its grade; 1 where the design or the question has errors."""
    unread = _unread(args)
    asked = _asked(args)
    try:
        design, plan = read_design(args.design)
        found = errors(check(design, stage="cost"))
        if found:
            raise UserError("\n".join(f"{problem.path or '/'}: {problem}" for problem in found), found)
    except UserError as error:
        if not args.json:
            raise
        wrong = error.problems or no_sense("/design", str(error)).problems
        return _refuse(None, (*wrong, *unread, *without_design(args.target, **asked)))
    try:
        if unread:
            raise RefusedError((*unread, *_besides(design, args.target, asked)))
        trace = None if args.run_id is None else _trace(args.run_id)
        measured = seen(design, trace.layers) if trace else {}
        counts = count(design, rates_of(measured))
        if trace is not None and args.correlation is None:
            asked["correlation"] = _alike(trace, one_text=args.phase in ("prefill", "train"))
        step, asks = _step(design, args.target, rates_of(measured), asked)
    except (NotFoundError, UserError, ValueError) as error:
        if not args.json:
            raise UserError(str(error)) from None
        if not isinstance(error, RefusedError):
            error = no_sense("/run" if args.run_id is not None else "", str(error))
        return _refuse(count(design), error.problems)
    # An FPGA has no number formats, only bits.
    stored = widths("bf16") if step and step.fit else asks.load.weights
    figures = _counted(counts, asks.load.context, stored)
    figures |= routing_figures(design, plan.objective, measured)
    money = _money(step, asked)
    if args.json:
        print(json.dumps(document(asks, step, figures, money), indent=2))
    else:
        _print_figures(figures)
        if step is not None:
            _print_step(step, money)
    return 0


def _unread(args: argparse.Namespace) -> tuple[Problem, ...]:
    """Flags whose words are no numbers; they give way to defaults, so that everything else is looked at."""
    found: list[Problem] = []
    for name, kind in _NUMBERS.items():
        given = getattr(args, name)
        if isinstance(given, str):
            why = f"{given!r} is no {kind}. To fix this, give one, such as {_SUCH[kind]}."
            found += no_sense(f"/{name}", why).problems
            setattr(args, name, _USUAL.get(name))
    return tuple(found)


def _besides(design: Design, target: str | None, asked: Asked) -> tuple[Problem, ...]:
    """What else makes no sense."""
    try:
        _step(design, target, {}, asked)
    except RefusedError as error:
        return error.problems
    return ()


def _refuse(counts: Counts | None, problems: Sequence[Problem]) -> int:
    print(json.dumps(refused(counts, problems), indent=2))
    return 1


def _asked(args: argparse.Namespace) -> Asked:
    """What the flags ask for."""
    return {
        "phase": args.phase,
        "batch": args.batch,
        "context": args.context,
        "sequence": args.sequence,
        "weights": args.weights,
        "tp": args.tp,
        "ep": args.ep,
        "pp": args.pp,
        "dp": args.dp,
        "devices": args.devices,
        "micro_batch": args.micro_batch,
        "zero": args.zero,
        "recompute": args.recompute,
        "optimizer": args.optimizer,
        "stack": args.stack,
        "correlation": args.correlation,
        "offload": args.offload,
        "offload_layers": args.offload_layers,
        "host": args.host,
        "price": args.price,
        "watts": args.watts,
    }


def _step(
    design: Design, target: str | None, measured: Measured, asked: Asked
) -> tuple[Estimate | None, Demand]:
    """The step on a target, and what it asks of any device."""
    if target is None:
        return None, demanded(design, measured=measured, **asked)
    step = estimate(design, target, measured=measured, **asked)
    on = registry.device(target)
    return (with_change(step, on, asked) if isinstance(on, Processor) else step), step.asks


def _money(step: Estimate | None, asked: Asked) -> dict[str, Figure]:
    """Energy and cost of a token on a target."""
    if step is None:
        return {}
    on, devices = registry.device(step.target), step.load.parallel.devices
    return spent(step.step, step.load.rows, on, devices=devices, price=asked["price"], watts=asked["watts"])


def _trace(run_id: str) -> Trace:
    return stored_trace(runs.get(database.open(data_root()), run_id))


def _alike(trace: Trace, *, one_text: bool) -> float | None:
    """How alike tokens chose, on average over layers that select."""
    sequence_N = trace.tokens.sequence
    found = [
        exponent(layer.expert, sequence_N, layer.experts, one_text=one_text)
        for layer in trace.layers
        if not layer.soft
    ]
    told = [value for value in found if value is not None]
    return sum(told) / len(told) if told else None


def _counted(counts: Counts, context: int, stored: Widths) -> dict[str, Figure]:
    total, r1, r2, r3, cached = counts.figures()
    forward, attention, _ = flops(counts, context).figures()
    train = flops(count(counts.design, training=True), context).figures()[2]
    square = flops(counts, context, causal_half=False).figures()[1]
    # What reads all its tokens at once keeps none of them.
    held = {"cached KV, no window": cached, "cached KV, windows applied": counts.cached(context)}
    return {
        "total parameters": total,
        "active parameters (R1)": r1,
        "active, no input table (R2)": r2,
        "active, no embedding or head (R3)": r3,
        **(held if counts.design.task.causal_loss else {}),
        "forward": forward,
        "of it attention, causal": attention,
        "attention over all keys": square,
        "forward and backward": train,
        f"weights, {stored.name}": weight_bytes(counts, stored),
    }


def _print_figures(figures: dict[str, Figure]) -> None:
    wide = max(map(len, figures))
    for name, figure in figures.items():
        print(f"{name:{wide}}  {_counted_words(fmt.show(figure))}")


def _counted_words(shown: fmt.Shown) -> fmt.Shown:
    """`1 expert / token`, not `1 experts`."""
    noun, slash, per = shown.unit.partition(" / ")
    one = shown.value == "1" and noun in ("experts", "devices")
    return replace(shown, unit=noun.removesuffix("s") + slash + per) if one else shown


def _print_step(step: Estimate, money: dict[str, Figure]) -> None:
    load = step.load
    asked = f"batch {load.batch}, context {fmt.fixed(load.context, 0)}, {load.weights.name}"
    together = f"{load.parallel.devices} x " if load.parallel.devices > 1 else ""
    print(f"\n{together}{step.title}, {load.phase}, {asked}")
    uses = {use.name: use.used for use in step.fit.uses} if step.fit else {}
    memory = {} if step.fit else {**dict(step.needs.rows), "memory in all": step.needs.total}
    beside = {"experts off the device": step.asks.beside} if step.asks.beside else {}
    _print_figures({"time": step.step, "rate": step.rate, **memory, **beside, **uses, **money})
    if step.software is not None:
        assumed = ", assumed: --stack names one" if step.assumed else ""
        print(f"timed as {SOFTWARE[step.software]}{assumed}")
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
    for told in step.caveats:
        print(told)
