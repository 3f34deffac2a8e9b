"""`python -m core.cost.calibrate`: fit the constants of the time model, cross-validate, print the tables.

Writes `core/cost/fitted.json` unless `--dry` is given. Takes a few minutes on one core.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from core.cost.calibration.fit import Fold, Laid, both, fit, folds, lay, picked, weighed
from core.cost.calibration.points import Kernels, kernels, points
from core.cost.calibration.priors import PRIORS
from core.cost.efficiency import FILE, Constants, told

PHASES = ("decode", "prefill", "train")
#: Published over estimated seconds before any is seen: so many points of a normal spread of logarithms.
_SPREAD, _POINTS = 0.3, 15
_EXPECTED = np.array(
    [NormalDist(0.0, _SPREAD).inv_cdf((i + 0.5) / _POINTS) for i in range(_POINTS)], dtype=np.float64
)
RULES = {
    "expected": "expected coverage",
    "most": "min(E, k T)",
    "all": "all experts",
    "active": "active only",
}


@dataclass(frozen=True)
class Calibration:
    """Constants of all timings, and folds that leave out a device, or a model."""

    laid: tuple[Laid, ...]
    kernels: Kernels
    constants: Constants
    devices: tuple[Fold, ...]
    models: tuple[Fold, ...]

    def ratios(self, folds: Iterable[Fold], known: bool) -> dict[str, float]:
        """Estimated over published seconds, out of fold, by id."""
        return {k: v for fold in folds for k, v in (fold.known if known else fold.unknown).items()}


def calibrate() -> Calibration:
    """Fit everything, and every fold."""
    laid = weighed([lay(point) for point in points() if point.fits])
    others = [lay(point) for point in points() if not point.fits and not point.host_layers]
    found = kernels()
    return Calibration(
        (*laid, *others),
        found,
        fit(laid, found),
        folds(laid, found, lambda point: point.device, found.device, others),
        folds(laid, found, lambda point: point.design, found.model, others),
    )


def judged(done: Calibration, phase: str) -> list[Laid]:
    """Points of a phase that tables count: none beside another, none the model knows too little of."""
    return [
        one for one in done.laid if one.point.load.phase == phase and not one.point.beside and one.point.fits
    ]


def bands(done: Calibration) -> dict[str, tuple[float, float]]:
    """10 and 90 % marks of published over estimated seconds, out of fold both ways, by phase."""
    out = {}
    for phase in PHASES:
        for known in (True, False):
            low, high = _marks(_off(done, phase, known, None))
            out[f"{phase}:stack" if known else phase] = (low, high)
    return out


def _off(done: Calibration, phase: str, known: bool, but: str | None) -> NDArray[np.float64]:
    """Published over estimated, out of fold both ways, without the points of one group."""
    found = []
    for every in (done.devices, done.models):
        ratios = done.ratios(every, known)
        found += [
            1 / ratios[one.point.id]
            for one in judged(done, phase)
            if but not in (one.point.device, one.point.design)
        ]
    return np.array(found)


def _marks(off: NDArray[np.float64]) -> tuple[float, float]:
    """Marks of the points together with what was expected of them, so that few points make no narrow band."""
    low, high = np.quantile(np.concatenate([np.log(off), _EXPECTED]), [0.1, 0.9]).tolist()
    return float(np.exp(min(low, 0.0))), float(np.exp(max(high, 0.0)))


def covered(done: Calibration, phase: str, known: bool) -> float:
    """Share of points inside a band that neither their device nor their model had a part in."""
    inside = []
    for every, name in ((done.devices, "device"), (done.models, "design")):
        ratios = done.ratios(every, known)
        for one in judged(done, phase):
            low, high = _marks(_off(done, phase, known, getattr(one.point, name)))
            inside.append(low <= 1 / ratios[one.point.id] <= high)
    return float(np.mean(inside))


def document(done: Calibration) -> dict[str, object]:
    """The content of fitted.json."""
    seen = sorted({told(one.point.load, one.kind, one.point.on) for one in done.laid if one.point.fits})
    return {
        "about": "Written by `python -m core.cost.calibrate`; calibration/priors.py says what each is.",
        "constants": {name: float(f"{value:.4g}") for name, value in done.constants.values.items()},
        "bands": {name: [round(low, 3), round(high, 3)] for name, (low, high) in bands(done).items()},
        "seen": seen,
    }


def summary(done: Calibration) -> list[str]:
    """The tables, in Markdown."""
    tables = (_constants, _errors, _kernel_errors, _by_group, _all)
    return [line for table in tables for line in (*table(done), "")]


def _constants(done: Calibration) -> Iterable[str]:
    yield "| constant | prior | fitted | moved by | what it is |"
    yield "|---|---|---|---|---|"
    for name, prior in PRIORS.items():
        value = done.constants.values[name]
        moved = np.log(value / prior.value) / prior.spread
        yield f"| {name} | {prior.value:.3g} | {value:.3g} | {moved:+.1f} sd | {prior.why} |"


def _errors(done: Calibration) -> Iterable[str]:
    yield "| phase | points | stack | left out | median error | 90 % | worst | inside the band |"
    yield "|---|---|---|---|---|---|---|---|"
    for phase in PHASES:
        mine = judged(done, phase)
        for known in (True, False):
            inside = covered(done, phase, known)
            stack = "given" if known else "not given"
            learned = both(mine, done.constants)[0 if known else 1]
            for what, ratios in (
                ("nothing (in sample)", learned),
                ("its device", done.ratios(done.devices, known)),
                ("its model", done.ratios(done.models, known)),
            ):
                off = np.array([abs(ratios[one.point.id] - 1) for one in mine])
                band = "" if what.startswith("nothing") else f"{inside:.0%}"
                marks = " | ".join(f"{np.quantile(off, q):.1%}" for q in (0.5, 0.9, 1.0))
                yield f"| {phase} | {len(mine)} | {stack} | {what} | {marks} | {band} |"


def _kernel_errors(done: Calibration) -> Iterable[str]:
    yield "| kernels | left out | median error | 90 % | at most 256 tokens: median | 90 % |"
    yield "|---|---|---|---|---|---|"
    for what, every in (("its device", done.devices), ("its model", done.models)):
        yield _kernel_row("ours", what, every, lambda fold: fold.kernels, done.kernels)
        for rule, title in RULES.items():
            fitted = {fold.group: _rule(done.kernels, fold.left, rule) for fold in every if fold.left.any()}
            yield _kernel_row(title, what, every, partial(_of, fitted), done.kernels)


def _of(fitted: Mapping[str, NDArray[np.float64]], fold: Fold) -> NDArray[np.float64]:
    return fitted[fold.group]


def _rule(found: Kernels, left: NDArray[np.bool_], rule: str) -> NDArray[np.float64]:
    """max(F / P, bytes / BW) / eta by a coverage rule, eta refitted on the same fold (its median)."""

    def roofline(of: Kernels) -> NDArray[np.float64]:
        plain: NDArray[np.float64] = np.maximum(
            of.touched(rule) * of.expert_bytes / of.bandwidth, of.flops / of.peak
        )
        return plain

    rest = picked(found, ~left & ~found.warm)
    share = np.exp(np.median(np.log(roofline(rest) / rest.seconds)))
    out = picked(found, left)
    ratio: NDArray[np.float64] = roofline(out) / share / out.seconds
    return ratio


def _kernel_row(
    title: str,
    what: str,
    every: Sequence[Fold],
    of: Callable[[Fold], NDArray[np.float64]],
    found: Kernels,
) -> str:
    off, small = [], []
    for fold in every:
        if fold.left.any():
            out, keep = picked(found, fold.left), ~found.warm[fold.left]
            off += np.abs(of(fold) - 1)[keep].tolist()
            small += np.abs(of(fold) - 1)[keep & (out.tokens <= 256)].tolist()
    marks = " | ".join(f"{np.quantile(each, q):.1%}" for each in (off, small) for q in (0.5, 0.9))
    return f"| {title} | {what} | {marks} |"


def _by_group(done: Calibration) -> Iterable[str]:
    """Out-of-fold errors by device and stack."""
    yield "| device | stack | phase | points | device left out: median, worst | model: median, worst |"
    yield "|---|---|---|---|---|---|"
    rows: dict[tuple[str, str, str], list[str]] = {}
    for phase in PHASES:
        for one in judged(done, phase):
            rows.setdefault((one.point.device, str(one.point.load.stack), phase), []).append(one.point.id)
    device, model = done.ratios(done.devices, True), done.ratios(done.models, True)
    for (name, stack, phase), ids in sorted(rows.items()):
        cells = []
        for ratios in (device, model):
            off = [ratios[i] - 1 for i in ids]
            cells.append(f"{np.median(np.abs(off)):.0%}, {max(off, key=abs):+.0%}")
        yield f"| {name} | {stack} | {phase} | {len(ids)} | {' | '.join(cells)} |"


def _all(done: Calibration) -> Iterable[str]:
    """Every point: published, and by how much the estimate is off."""
    yield "| point | published | in sample | device left out | model left out | model left out, no stack |"
    yield "|---|---|---|---|---|---|"
    learned, _ = both(done.laid, done.constants)
    columns: tuple[Mapping[str, float], ...] = (
        learned,
        done.ratios(done.devices, True),
        done.ratios(done.models, True),
        done.ratios(done.models, False),
    )
    for one in done.laid:
        cells = " | ".join(f"{ratios[one.point.id] - 1:+.0%}" for ratios in columns)
        marks = "" if one.point.fits else " (not learned from)"
        marks += " (beside)" if one.point.beside else ""
        yield f"| {one.point.id}{marks} | {one.point.seconds * 1e3:.4g} ms | {cells} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; write the constants."""
    parser = argparse.ArgumentParser(prog="python -m core.cost.calibrate", description=__doc__)
    parser.add_argument("--dry", action="store_true", help="print only, write nothing")
    asked = parser.parse_args(arguments)
    done = calibrate()
    sys.stdout.write("\n".join(summary(done)) + "\n")
    if not asked.dry:
        FILE.write_text(json.dumps(document(done), indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
