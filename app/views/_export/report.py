"""What an export job left behind, read for the page. No Streamlit.

The result of a job of kind `export` is the report of its target: `files` (bytes by name), `parity` (verdict,
figures of each layer), and what the target adds. Files lie under runs/<run>/exports/.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.record import layer_names
from core.cost.format import THIN, fixed
from storage import files
from storage.database import Database
from storage.records import JobPublic

KIND = "export"
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def finding(parity: Mapping[str, Any]) -> str:
    """Whether the file does what the run does, in a sentence."""
    error, bound = parity["error"], parity["bound"]
    compared = f"{fixed(parity['answers'], 0)} answers"
    if parity["verdict"] == "FAIL":
        return f"Parity failed, so no file was kept: {'; '.join(reasons(parity))}"
    flips = sum(layer["near_tie"] for layer in parity["layers"])
    tail = f", with {flips} routed differently at near ties" if flips else ""
    off = f"error {power(error)} of {power(bound)} allowed"
    return f"The file answers as the run does on {compared}: {off}{tail}"


def reasons(parity: Mapping[str, Any]) -> list[str]:
    """Why parity failed, each in words."""
    found = []
    if not parity["error"] <= parity["bound"]:
        found.append(f"a logit is off by {power(parity['error'])}, and {power(parity['bound'])} is allowed")
    hard = sum(layer["hard"] for layer in parity["layers"])
    if hard:
        found.append(f"{hard} tokens went to other experts without a near tie")
    if parity["unequal_weights"] or any(layer["unequal_weights"] for layer in parity["layers"]):
        found.append("some weights are not the run's, bit by bit")
    if any(not layer["probability_error"] <= 1e-5 for layer in parity["layers"]):
        found.append("a router's probabilities are off by more than 10⁻⁵")
    return found or ["the comparison did not pass"]


def rows(parity: Mapping[str, Any]) -> list[dict[str, str | int]]:
    """A row for each routed layer."""
    names = layer_names([layer["path"] for layer in parity["layers"]])
    return [
        {
            "Layer": names[layer["path"]],
            "Tokens": layer["tokens"],
            "Same experts": agreed(layer["same_set"], layer["tokens"]),
            "Same order": agreed(layer["same_order"], layer["tokens"]),
            "Near ties": layer["near_tie"],
            "After a near tie": layer["downstream"],
            "Other reasons": layer["hard"],
            "Probability error": power(layer["probability_error"]),
        }
        for layer in parity["layers"]
    ]


def agreed(same: int, total: int) -> str:
    """A share in percent, rounded down: 100 only where all agree."""
    return f"{int(10_000 * same / max(1, total)) / 100:.2f}{THIN}%"


def power(value: float) -> str:
    """`3.1 × 10⁻⁶`."""
    if not value or not math.isfinite(value):
        return str(value) if value else "0"
    digits, exponent = f"{value:.1e}".split("e")
    return f"{digits}{THIN}×{THIN}10{str(int(exponent)).translate(_RAISED)}"


def kept(db: Database, job: JobPublic) -> dict[str, Path]:
    """The files of an export that are still there, by name; only those inside the run's own folder."""
    if job.run_id is None:
        return {}
    base = files.folder(db.root, "runs", job.run_id) / "exports"
    place = job.result.get("folder") or job.id
    folder = (base / str(place)).resolve()
    if not folder.is_relative_to(base.resolve()):
        return {}
    found = {name: folder / Path(name).name for name in job.result.get("files", {})}
    return {name: path for name, path in found.items() if path.is_file()}
