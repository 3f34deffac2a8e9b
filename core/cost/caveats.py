"""What to know of a figure beside its band, in words: where it rests on less than usual."""

from __future__ import annotations

from collections.abc import Iterator

from core.cost.devices.base import Processor
from core.cost.efficiency import fitted, multiplies, software, told
from core.cost.formats import Format, Widths
from core.cost.scenario import Scenario

_PHASES = {"decode": "decode steps", "prefill": "prefills", "train": "training steps"}
_SOFTWARE = {
    "serving": "serving software",
    "compiled": "compiled PyTorch",
    "ggml": "llama.cpp or its kin",
    "trainer": "training software",
    "local": "PyTorch on a CPU",
}


def caveats(load: Scenario, on: Processor | None) -> tuple[str, ...]:
    """Sentences on a step of `load`, and on its seconds where a device is named."""
    return tuple(_told(load, on))


def _told(load: Scenario, on: Processor | None) -> Iterator[str]:
    narrow = sorted({form.name for form in _forms(load.weights) if form.bits < 16})
    if load.phase == "train" and narrow:
        kept = "float32" if load.weights.default.bits >= 32 else "16 bits, with a float32 copy"
        yield (
            f"Training keeps weights in {kept}, and multiplies copies rounded to {_listed(narrow)}: no"
            " gradient is added to numbers as coarse as these."
        )
    if on is None:
        return
    kind = software(load, on)
    slow = [form for form in narrow if not multiplies(form, on)]
    # The kernels of llama.cpp and its kin are written for this.
    if slow and kind != "ggml":
        yield (
            f"{on.title} has no units for {_listed(slow)}: numbers are widened, and multiplied in"
            f" {on.compute}."
        )
    if load.offload is not None:
        yield "Steps with experts off the device are not fitted to timings: the band is twice as wide."
    elif told(load.phase, kind, on) not in fitted().seen:
        maker = f"{on.vendor} devices" if on.vendor else on.title
        yield (
            f"No {_PHASES[load.phase]} of {_SOFTWARE[kind]} on {maker} were there to calibrate on: the band"
            " is twice as wide."
        )


def _forms(weights: Widths) -> tuple[Format, ...]:
    return (weights.default, *weights.roles.values(), *weights.places.values())


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
