"""From what a user asks to a scenario: defaults, and everything that makes no sense, with what mends it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import TypedDict

from core.cost.devices import registry
from core.cost.devices.base import Processor
from core.cost.formats import Widths, widths
from core.cost.money import MOST_PRICE, MOST_WATTS
from core.cost.optimizers import OPTIMIZERS
from core.cost.rates import routed
from core.cost.scenario import (
    PHASES,
    RECOMPUTES,
    STACKS,
    UNEVEN_STAGES,
    WAYS,
    Offload,
    Parallel,
    Phase,
    Recompute,
    Scenario,
    Training,
)
from core.design.bodies.base import Mixer
from core.design.bodies.moe import Moe
from core.design.problems import Problem
from core.design.spec import Design

_MOST = 10**9
#: Ways of a plan in words.
_PLANNED = {
    "tp": "A tp",
    "ep": "An ep",
    "pp": "A pp",
    "dp": "A dp",
    "devices": "A number of devices",
    "micro_batch": "A micro-batch",
}


class Asked(TypedDict, total=False):
    """What may be asked; what is left out has a default.

    `context` tokens stand in the cache while decoding, else `sequence` (or `context`) tokens are read.
    `devices` are all of them: what `tp` and `pp` leave becomes `dp`. Experts of `offload_layers` routed
    layers (by default all) lie where `offload` says; `host` is the CPU beside the devices. `price` is that of
    a device and hour, `watts` are of one device.
    """

    phase: str | None
    batch: int | None
    context: int | None
    sequence: int | None
    weights: str | Mapping[str, str] | None
    tp: int
    ep: int
    pp: int
    dp: int | None
    devices: int | None
    micro_batch: int | None
    zero: int
    recompute: str
    optimizer: str
    stack: str | None
    correlation: float | None
    offload: str | None
    offload_layers: int | None
    host: str | None
    price: float | None
    watts: float | None


class RefusedError(ValueError):
    """What is asked makes no sense; `problems` say what, where, and what mends it."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


def refused(path: str, why: str | ValueError) -> RefusedError:
    """One thing that makes no sense, said in the words of an error that ends in its fix."""
    message, _, fix = str(why).partition(" To fix this, ")
    return RefusedError((_problem(path, message, fix.rstrip(".")),))


def scenario(
    design: Design,
    asked: Asked,
    numbers: str = "bf16",
    weights: Widths | None = None,
    on: Processor | None = None,
) -> Scenario:
    """The scenario of `asked` (on a device, if one is named); `numbers` is the format of activations.

    Raises RefusedError with all that makes no sense.
    """
    stored, wrong = (weights, None) if weights else _weights(design, _named(asked, numbers))
    if stored and not weights and stored.default.bits > 16:
        # What is kept in float32 is computed and cached in it too.
        numbers = stored.default.name
    plan, mistakes = _plan(asked)
    # What is wrong gives way to a default, so that everything else is looked at too.
    load = _load(design, asked, numbers, stored or widths(numbers), plan)
    found = [*_words(asked), *_decodes(design, asked), *([wrong] if wrong else ()), *mistakes]
    found += [*_sizes(asked), *_fits_context(design, asked, load), *_divides(design, load)]
    found += _trains(load) if load.phase == "train" else ()
    away, mistakes = _offload(design, asked, on)
    found += mistakes
    if found:
        raise RefusedError(tuple(found))
    return replace(load, offload=away) if away else load


def _offload(design: Design, asked: Asked, on: Processor | None) -> tuple[Offload | None, list[Problem]]:
    """Where experts lie that do not lie on a device."""
    usual = "cpu-server-12ch" if on is None or on.kind == "datacenter" else "cpu-desktop"
    wrong: list[Problem] = []
    host = registry.processors()[usual]
    if (named := asked.get("host")) is not None:
        cpus = [name for name, each in registry.processors().items() if each.kind == "cpu"] + ["this-cpu"]
        if named in cpus:
            found = registry.device(named)
            host = found if isinstance(found, Processor) else host
        else:
            text = f"There is no CPU {named!r} to lie beside the devices."
            wrong.append(_problem("/host", text, f"use one of: {', '.join(cpus)}"))
    way = next((way for way in WAYS if way == asked.get("offload")), None)
    if way is None:
        return None, wrong
    routed_layers = sum(p.times for p in design.parts() if routed(p.part.body) is not None)
    layers = asked.get("offload_layers")
    if not routed_layers:
        text = "Only routed experts are offloaded, and this design has none."
        wrong.append(_problem("/offload", text, "leave --offload out"))
    elif layers is not None and not 0 <= layers <= routed_layers:
        text = f"There are {routed_layers} routed layers, not {layers}."
        wrong.append(_problem("/offload_layers", text, f"use 0 to {routed_layers}"))
    if on is not None and on.unified and way != "nvme":
        text = f"{on.title} shares one memory with its host, so nothing is won by moving experts there."
        wrong.append(_problem("/offload", text, "use nvme, or leave --offload out"))
    if wrong:
        return None, wrong
    moved = routed_layers if layers is None else layers
    return Offload(way, moved, moved / routed_layers, host), []


def without_design(asked: Asked, *, formats: bool = True) -> tuple[Problem, ...]:
    """What makes no sense of any design, for where there is none to ask of.

    `formats`: weights are named by number formats, as on everything but an FPGA.
    """
    found = [*_words(asked), *_plan(asked)[1], *_sizes(asked)]
    try:
        if formats:
            widths(_named(asked, "bf16"))
    except ValueError as error:
        found.append(refused("/weights", error).problems[0])
    return tuple(found)


def _named(asked: Asked, usual: str) -> str | Mapping[str, str]:
    """The weights asked for; nothing at all means the usual ones, an empty name does not."""
    weights = asked.get("weights")
    return usual if weights is None else weights


def _load(design: Design, asked: Asked, numbers: str, stored: Widths, plan: Parallel) -> Scenario:
    phase = _phase(design, asked)
    micro = asked.get("micro_batch")
    batch, context = asked.get("batch"), asked.get("context")
    if phase != "decode" and asked.get("sequence") is not None:
        context = asked.get("sequence")
    how = Training(micro, asked.get("zero", 1), _recompute(asked), asked.get("optimizer", "adamw"))
    return Scenario(
        phase,
        (plan.dp * (micro or 1) if phase == "train" else 1) if batch is None else batch,
        design.task.tokens if context is None else context,
        stored,
        numbers,
        plan,
        how,
        asked.get("stack"),
        asked.get("correlation"),
    )


def _phase(design: Design, asked: Asked) -> Phase:
    usual: Phase = "decode" if design.task.causal_loss else "prefill"
    return next((phase for phase in PHASES if phase == asked.get("phase")), usual)


def _recompute(asked: Asked) -> Recompute:
    return next((r for r in RECOMPUTES if r == asked.get("recompute")), "none")


def _problem(path: str, message: str, fix: str) -> Problem:
    code = f"cost-{path.strip('/').replace('/', '-').replace('_', '-')}"
    return Problem(code=code, path=path, stage="cost", message=message, fix=f"To fix this, {fix}.")


def _words(asked: Asked) -> Iterator[Problem]:
    """Names that nobody knows."""
    known: dict[str, tuple[str, ...]] = {
        "phase": PHASES,
        "recompute": RECOMPUTES,
        "optimizer": tuple(OPTIMIZERS),
        "stack": STACKS,
        "offload": WAYS,
    }
    given: Mapping[str, object] = {**asked}
    for name, words in known.items():
        value = given.get(name)
        if value is not None and value not in words:
            near = get_close_matches(str(value), words, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            text = f"There is no {name} {value!r}.{hint}"
            yield _problem(f"/{name}", text, f"use one of: {', '.join(words)}")


def _decodes(design: Design, asked: Asked) -> Iterator[Problem]:
    if asked.get("phase") == "decode" and not design.task.causal_loss:
        yield _problem("/phase", "Only a language model decodes token by token.", "use prefill")


def _weights(design: Design, asked: str | Mapping[str, str]) -> tuple[Widths | None, Problem | None]:
    try:
        stored = widths(asked)
    except ValueError as error:
        return None, refused("/weights", error).problems[0]
    if stored.places and (missing := sorted(stored.places.keys() - _places(design))):
        return None, _problem(
            "/weights",
            f"The widths name {missing[0]!r}, and this design has no such part or expert.",
            "give the pointer of a part, of a group, or of an expert as <part>/experts/<number>",
        )
    return stored, None


def _places(design: Design) -> set[str]:
    """Everything that may have a number format of its own."""
    found = {"/task", "/embedding", "/task:head", *(f"/stacks/{s}" for s in range(len(design.stacks)))}
    for placed in design.parts():
        found.add(placed.pointer)
        body = placed.part.body
        bank = routed(body)
        if bank is not None:
            found.add(f"{placed.pointer}/body")
            found |= {f"{placed.pointer}/experts/{e}" for e in range(bank.experts)}
        if isinstance(body, Moe):
            found |= {f"{placed.pointer}/body/experts/{g}" for g in range(len(body.experts))}
    return found


def _plan(asked: Asked) -> tuple[Parallel, list[Problem]]:
    """The plan of so many devices; copies of the batch fill what the rest leaves."""
    tp, ep, pp = asked.get("tp", 1), asked.get("ep", 1), asked.get("pp", 1)
    dp, devices = asked.get("dp"), asked.get("devices")
    micro = asked.get("micro_batch")
    ways = {"tp": tp, "ep": ep, "pp": pp, "dp": dp, "devices": devices, "micro_batch": micro}
    wrong = [
        _problem(f"/{name}", f"{_PLANNED[name]} of {value} makes no sense.", "use a whole number from 1 on")
        for name, value in ways.items()
        if value is not None and not 1 <= value <= _MOST
    ]
    if wrong:
        return Parallel(), wrong
    if dp is None and devices is None:
        # Experts that are spread further than matrices lie across copies of the batch.
        dp = max(1, math.lcm(tp, ep) // tp)
    if dp is None and devices is not None:
        if devices % (tp * pp):
            text = f"{devices} devices do not divide into {tp} ways of a matrix times {pp} stages."
            return Parallel(), [_problem("/devices", text, f"use a multiple of {tp * pp}")]
        dp = devices // (tp * pp)
    plan = Parallel(tp, ep, pp, dp or 1)
    if devices is not None and plan.devices != devices:
        text = f"{tp} x {pp} x {plan.dp} (tp, pp, dp) are {plan.devices} devices, not {devices}."
        wrong.append(_problem("/devices", text, f"ask for {plan.devices}, or leave dp out"))
    if (tp * plan.dp) % ep or (tp % ep and ep % tp):
        text = f"Experts cannot be spread {ep} ways over {tp} x {plan.dp} devices (tp, dp) of a stage."
        wrong.append(_problem("/ep", text, "use a multiple or a divisor of tp that divides tp * dp"))
    return plan, wrong


def _sizes(asked: Asked) -> Iterator[Problem]:
    """Numbers that no design has a use for."""
    given: Mapping[str, object] = {**asked}
    for name in ("batch", "context", "sequence"):
        value = given.get(name)
        if value is not None and not (isinstance(value, int) and 1 <= value <= _MOST):
            yield _problem(f"/{name}", f"A {name} of {value} makes no sense.", f"use 1 to {_MOST}")
    alike = asked.get("correlation")
    if alike is not None and not 0 < alike <= 1:
        yield _problem(
            "/correlation",
            f"A correlation exponent of {alike} makes no sense.",
            "use a number above 0 and up to 1, where 1 says that tokens choose independently",
        )
    if asked.get("zero", 1) not in range(4):
        yield _problem("/zero", f"There is no ZeRO stage {asked.get('zero')}.", "use 0, 1, 2 or 3")
    price, watts = asked.get("price"), asked.get("watts")
    if price is not None and not 0 <= price < MOST_PRICE:
        yield _problem(
            "/price",
            f"A price of {price:g} makes no sense.",
            "give that of one device for one hour, from 0 on",
        )
    if watts is not None and not 0 < watts < MOST_WATTS:
        yield _problem("/watts", f"A power of {watts:g} W makes no sense.", "give the watts of one device")
    layers = asked.get("offload_layers")
    if layers is not None and asked.get("offload") is None:
        text = "Layers are to be offloaded, and not where to."
        yield _problem("/offload", text, f"add one of: {', '.join(WAYS)}")


def _fits_context(design: Design, asked: Asked, load: Scenario) -> Iterator[Problem]:
    """A model may be trained on longer sequences than it was made for, unless it has a table of positions."""
    most, name = design.task.tokens, "context"
    if load.phase != "decode" and asked.get("sequence") is not None:
        name = "sequence"
    if name == "sequence" and load.phase == "train" and design.embedding.position == "none":
        return
    if load.context > most:
        yield _problem(
            f"/{name}",
            f"A {name} of {load.context} tokens is longer than the {most} this design is made for.",
            f"use up to {most}, or give the design a longer context",
        )


def _divides(design: Design, load: Scenario) -> Iterator[Problem]:
    """A plan whose devices would not all have the same to do."""
    plan = load.parallel
    layers = (layer for stack in design.stacks for repeat in stack.layers for layer in repeat.pattern)
    bodies = {id(part): part.body for layer in layers for part in layer.parts}.values()
    mixers = [(getattr(body, "heads", 0), body.cache_cuts) for body in bodies if isinstance(body, Mixer)]
    banks = [bank.experts for body in bodies if (bank := routed(body)) is not None]

    def cut(tp: int) -> str:
        """What does not divide into so many ways."""
        for heads, cuts in mixers:
            if heads % tp:
                return f"{heads} heads do not divide into {tp} ways (tp)."
            if cuts % tp and tp % cuts:
                return f"{cuts} key and value heads do not divide into {tp} ways (tp), nor repeat evenly."
        return ""

    def spread(ep: int) -> str:
        return next((f"{e} experts do not divide into {ep} ways (ep)." for e in banks if e % ep), "")

    most = {"tp": max((heads for heads, _ in mixers), default=1), "ep": max(banks, default=1)}
    for name, asked, wrong in (("tp", plan.tp, cut), ("ep", plan.ep, spread)):
        if text := wrong(asked):
            yield _problem(f"/{name}", text, f"use {_near(asked, most[name], wrong)}")
    depth = design.depth
    if plan.pp > max(1, depth) or (depth % plan.pp and load.stack not in UNEVEN_STAGES):
        text = f"{depth} layers do not divide into {plan.pp} stages (pp)."
        uneven = f", or --stack {UNEVEN_STAGES[0]}, which takes uneven stages" if plan.pp <= depth else ""
        near = _near(plan.pp, depth, lambda pp: "no" if depth % pp else "")
        yield _problem("/pp", text, f"use {near} stages{uneven}")


def _near(asked: int, most: int, wrong: Callable[[int], str]) -> str:
    """The nearest below and above what was asked that nothing is wrong with: `2 or 4`."""
    below = next((n for n in range(min(asked - 1, most), 0, -1) if not wrong(n)), None)
    above = next((n for n in range(asked + 1, most + 1) if not wrong(n)), None)
    return " or ".join(str(n) for n in (below, above) if n is not None) or "1"


def _trains(load: Scenario) -> Iterator[Problem]:
    """A batch that its passes do not share out evenly."""
    each = load.parallel.dp * (load.training.micro_batch or 1)
    if load.batch > 0 and load.batch % each:
        text = f"A batch of {load.batch} does not divide into {each} sequences at once (dp x micro-batch)."
        yield _problem("/batch", text, f"use a multiple of {each}")
