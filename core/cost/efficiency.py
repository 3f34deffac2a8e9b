"""How much of a device's peaks arrives: a few constants, fitted to published timings, none for a product.

Seconds of an operator = FLOPs / (F eta_f) + bytes / (BW eta_b) + kernels * launch. Loads and products of one
kernel overlap little where few rows meet each matrix (462 kernel timings prefer the sum to the maximum), so
the share of the peak that arrives saturates in those rows by itself; eta_f saturates in the matrix's smaller
side. Launches, and what a host spends on a step, belong to a class of software, not to a device.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.cost.devices.base import Processor
from core.cost.figure import Grade
from core.cost.scenario import Scenario
from core.cost.works import Work

FILE = Path(__file__).parent / "fitted.json"

Class = Literal["serving", "compiled", "ggml", "trainer", "local"]
Floats = NDArray[np.float64]

#: Software by the name that `--stack` takes, and the class whose constants it has.
STACKS: Mapping[str, Class] = {
    "sglang": "serving",
    "vllm": "serving",
    "trtllm": "serving",
    "gpt-fast": "compiled",
    "llama.cpp": "ggml",
    "megatron": "trainer",
    "pytorch": "local",
}
#: Number formats that only llama.cpp and its kin store, and kinds of devices that mostly run it.
_GGML_FORMATS = frozenset({"q8_0", "q4_0", "q4_k_m"})
_GGML_KINDS = frozenset({"apple", "embedded", "cpu"})
#: Narrow formats of weights and activations: the peak their products run at, and the one that shows a device
#: needs not widen them. All others are formats of weights alone (int8 is W8A16, as gpt-fast has it).
_RUNS_AT = {"fp8": "fp8", "mxfp8": "fp8", "mxfp4": "fp8", "nvfp4": "fp4"}
_READS = {"fp8": "fp8", "mxfp8": "fp4", "mxfp4": "fp4", "nvfp4": "fp4"}
ONLY_WITH_UNITS = frozenset(_READS)
#: Number formats of trainings that were timed.
_TRAINED = frozenset({"bf16", "fp16", "fp8", "mxfp8"})


def software(load: Scenario, on: Processor) -> Class:
    """The class of the stack asked for, where it does such steps; else what they usually run on.

    On datacenter devices prefills of llama.cpp and its kin were never timed, those of serving software were:
    there their formats are timed as that, unless they are asked for.
    """
    asked = STACKS[load.stack] if load.stack is not None else None
    if asked == "local" or (asked is None and on.measured):
        return "local"
    if load.phase == "train":
        return "trainer"
    if asked is not None and asked != "trainer":
        return asked
    timed = load.phase == "decode" or on.kind != "datacenter"
    own = load.weights.name in _GGML_FORMATS and timed
    return "ggml" if own or on.kind in _GGML_KINDS else "serving"


@dataclass(frozen=True)
class Constants:
    """Fitted `values` by name (`core.cost.calibration.priors` says what each is), and `bands` around a step.

    A band is the 10 and 90 % mark of published over estimated seconds, out of fold, by phase, and by
    `phase:stack` where a stack is known; `seen` are `told` of what was calibrated on.
    """

    values: Mapping[str, float]
    bands: Mapping[str, tuple[float, float]]
    seen: frozenset[str]

    def of(self, name: str, kind: Class, stack: str | None = None) -> float:
        """A constant for a class of software; a known stack has its own factor where one was fitted."""
        own = self.values.get(f"{name}.{kind}", 1.0)
        factor = self.values.get(f"{name}~{stack}", 1.0) if stack and STACKS[stack] == kind else 1.0
        return own * factor

    def launch(self, load: Scenario, kind: Class) -> float:
        """Seconds between kernels: of a replayed graph, or launched one by one where there is none."""
        alone = load.phase == "prefill" or (kind == "ggml" and load.phase == "decode" and load.batch > 1)
        return self.of("eager" if alone else "launch", kind, load.stack)

    def band(self, load: Scenario, on: Processor, kind: Class) -> tuple[float, float, Grade]:
        """10 and 90 % factors around the seconds of a step, and how far to trust them."""
        low, high = self.bands[f"{load.phase}:stack" if load.stack else load.phase]
        if told(load, kind, on) in self.seen and load.offload is None:
            return low, high, "fitted"
        # Nothing of this kind was calibrated on: twice as wide, in logarithms.
        return low * low, high * high, "prior"


def told(load: Scenario, kind: Class, on: Processor) -> str:
    """What a timing tells of: a phase, a class of software, a maker's kind of devices, one node or several.

    Compilers and libraries differ by maker and kind; ggml replays a graph at batch 1 only; training has been
    timed in a few number formats, and llama.cpp's formats with no other software.
    """
    words = [load.phase, kind, on.vendor, on.kind]
    if kind == "ggml" and load.phase == "decode":
        words.append("batch 1" if load.batch == 1 else "batches")
    if unusual(load, kind):
        words.append("other formats")
    return "/".join([*words, "nodes"] if load.parallel.devices > on.node else words)


def unusual(load: Scenario, kind: Class) -> bool:
    """Whether a class of software was timed in other number formats only."""
    if load.phase == "train":
        return not load.weights.formats <= _TRAINED
    return kind != "ggml" and bool(load.weights.formats & _GGML_FORMATS)


@cache
def fitted() -> Constants:
    """The constants that `python -m core.cost.calibrate` wrote."""
    return read(json.loads(FILE.read_text(encoding="utf-8")))


def read(found: Mapping[str, Any]) -> Constants:
    """Constants from the content of such a file."""
    bands = {name: (float(low), float(high)) for name, (low, high) in found["bands"].items()}
    return Constants(found["constants"], bands, frozenset(found["seen"]))


@dataclass(frozen=True)
class Table:
    """Operators as columns; `narrow` runs above the 16-bit peak, `widened` must be widened on the way."""

    times: Floats
    flops: Floats
    bytes: Floats
    side: Floats
    kernels: Floats
    peak: Floats
    grouped: NDArray[np.bool_]
    fused: NDArray[np.bool_]
    narrow: NDArray[np.bool_]
    widened: NDArray[np.bool_]


def table(works: Sequence[Work], load: Scenario, on: Processor, kind: Class) -> Table:
    """Operators on a device: which peak each runs at."""
    columns = np.array(
        [(w.times, w.flops, w.bytes, w.side, w.kernels) for w in works], dtype=np.float64
    ).reshape(len(works), 5)
    times, flops, moved, side, kernels = columns.T
    kinds = [_format(work, load, on, kind) for work in works]
    return Table(
        times=times,
        flops=flops,
        bytes=moved,
        side=side,
        kernels=kernels,
        peak=np.array([peak for peak, _, _ in kinds]),
        grouped=np.array([w.grouped for w in works], dtype=np.bool_),
        fused=np.array([w.fused for w in works], dtype=np.bool_),
        narrow=np.array([narrow for _, narrow, _ in kinds], dtype=np.bool_),
        widened=np.array([widened for _, _, widened in kinds], dtype=np.bool_),
    )


def _format(work: Work, load: Scenario, on: Processor, kind: Class) -> tuple[float, bool, bool]:
    """The peak an operator runs at, whether it is a narrow one, and whether weights are widened first."""
    form = work.form
    if form.width >= 16:
        # What llama.cpp keeps in float32 beside narrow weights, routers, is too little to tell apart.
        wide = form.width > 16 and form.name not in load.weights.formats
        return rate(load.numbers if work.fused or wide else form.name, on), False, False
    if multiplies(form.name, on):
        return on.peak[_RUNS_AT[form.name]], True, False
    # The kernels of llama.cpp and its kin are written for its formats.
    return rate(load.numbers, on), False, kind != "ggml"


def rate(numbers: str, on: Processor) -> float:
    """FLOP/s of products in a format of 16 bits or more; another where a device's row does not state it."""
    return on.peak.get(numbers) or on.peak[on.compute]


def multiplies(form: str, on: Processor) -> bool:
    """Whether a device has units that products with narrow weights of a format run on as they are."""
    return _READS.get(form) in on.peak


def seconds(rows: Table, c: Constants, kind: Class, bandwidth: float | Floats) -> tuple[Floats, Floats]:
    """Seconds that each operator computes, and that it moves bytes, for one turn."""
    v = c.values
    share = np.where(rows.grouped, v["grouped"], np.where(rows.fused, v["attention"], v["dense"]))
    share = share * c.of("work", kind) * np.where(rows.narrow, v["narrow"], 1.0)
    share = share * np.where(rows.fused, 1.0, rows.side / (rows.side + v["side"]))
    share = share * np.where(rows.widened, v["widen_compute"], 1.0)
    stream = v["memory"] * c.of("stream", kind) * np.where(rows.widened, v["widen_memory"], 1.0)
    return rows.flops / (rows.peak * share), rows.bytes / (bandwidth * stream)
