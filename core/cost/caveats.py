"""What to know of a figure beside its band, in words: where it rests on less than usual."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from core.cost.devices.base import Processor
from core.cost.efficiency import ONLY_WITH_UNITS, Class, multiplies, software, unusual
from core.cost.figure import Grade
from core.cost.format import digits
from core.cost.formats import FORMATS, widths
from core.cost.scenario import Scenario

_PHASES = {"decode": "decode steps", "prefill": "prefills", "train": "training steps"}
_KINDS = {
    "datacenter": "datacenter devices",
    "card": "cards",
    "apple": "chips",
    "embedded": "modules",
    "cpu": "CPUs",
}
#: Classes of software in words.
SOFTWARE: Mapping[Class, str] = {
    "serving": "serving software",
    "compiled": "compiled PyTorch",
    "ggml": "llama.cpp or its kin",
    "trainer": "training software",
    "local": "PyTorch",
}


def caveats(load: Scenario, on: Processor | None = None, grade: Grade = "prior") -> tuple[str, ...]:
    """Sentences on a step of `load`, and on its seconds, of this grade, where a device is named."""
    return tuple(_told(load, on, grade))


def _told(load: Scenario, on: Processor | None, grade: Grade) -> Iterator[str]:
    narrow = sorted(name for name in load.weights.formats if FORMATS[name].bits < 16)
    if load.phase == "train" and narrow:
        kept = "float32" if load.weights.default.bits >= 32 else "16 bits, with a float32 copy"
        yield (
            f"Training keeps weights in {kept}, and multiplies copies rounded to {_listed(narrow)}: no"
            " gradient is added to numbers as coarse as these."
        )
    if on is None:
        return
    kind = software(load, on)
    usual = software(replace(load, weights=widths(on.compute)), on)
    if load.stack is None and kind != usual:
        yield (
            f"No software is named: {load.weights.name} is timed as {SOFTWARE[kind]}, {on.compute} as"
            f" {SOFTWARE[usual]}. To compare formats alone, choose the software."
        )
    if "fp32" in load.weights.formats and on.compute != "fp32":
        yield _float32(on)
    for form in sorted({"bf16", "fp16"} & load.weights.formats - on.peak.keys()):
        yield f"{on.title} has no {form} rate: what is stored in {form} is multiplied in {load.numbers}."
    slow = [form for form in narrow if not multiplies(form, on)]
    # The kernels of llama.cpp and its kin are written for this.
    if slow and kind != "ggml":
        yield from _widened(slow, load, on)
    if load.offload is not None:
        yield "Steps with experts off the device are not fitted to timings: the band is twice as wide."
    elif grade == "prior":
        maker = f"{on.vendor} {_KINDS[on.kind]}" if on.vendor else on.title
        forms = _listed(sorted(load.weights.formats))
        at = f" in {forms}" if load.phase == "train" or unusual(load, kind) else ""
        at = " at batch 1" if kind == "ggml" and load.phase == "decode" and load.batch == 1 else at
        beyond = " across nodes" if load.parallel.devices > on.node else ""
        yield (
            f"No {_PHASES[load.phase]}{at} of {SOFTWARE[kind]} on {maker}{beyond} were there to calibrate"
            " on: the band is twice as wide."
        )


def _widened(slow: list[str], load: Scenario, on: Processor) -> Iterator[str]:
    """Why narrow weights are multiplied in a wider format: what they are, or what a device lacks."""
    alone = [form for form in slow if form not in ONLY_WITH_UNITS]
    lacks = [form for form in slow if form in ONLY_WITH_UNITS]
    if alone:
        # gpt-fast's int8, and 4-bit weights as AWQ and GPTQ store them; W8A8 would round activations as well.
        only = f"{_listed(alone)} {'is' if len(alone) == 1 else 'are'} the format of weights alone"
        yield f"{only}: they are widened on the way, and multiplied in {load.numbers}."
    if lacks:
        yield (
            f"{on.title} has no units for {_listed(lacks)}: numbers are widened, and multiplied in"
            f" {load.numbers}."
        )


def _float32(on: Processor) -> str:
    """Which rate float32 products run at: software rounds them to tf32 only when told to."""
    if "fp32" not in on.peak:
        return f"No fp32 rate of {on.title} is known: fp32 products are timed at that of {on.compute}."
    at = f"fp32 products run at the fp32 rate, {digits(on.peak['fp32'] / 1e12)} TFLOP/s"
    if on.peak.get("tf32", 0.0) <= on.peak["fp32"]:
        return f"{at}."
    return f"{at}; tf32, {digits(on.peak['tf32'] / 1e12)} TFLOP/s, is used only where it is switched on."


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
