"""What an export job left behind, read for the page. No Streamlit.

The result of a job of kind `export` is the report of its target: `files` (bytes by name), `parity` (verdict,
figures of each layer), and what the target adds. Files lie under runs/<run>/exports/.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.views._record import layer_names
from core.cost.format import THIN, percent
from storage import files
from storage.database import Database
from storage.records import JobPublic

KIND = "export"


def finding(parity: Mapping[str, Any]) -> str:
    """Whether the file does what the run does, in a sentence."""
    error, bound = parity["error"], parity["bound"]
    compared = f"{parity['answers']:,} answers".replace(",", THIN)
    if parity["verdict"] == "FAIL":
        return f"Parity failed, so no file was kept: {'; '.join(reasons(parity))}"
    flips = sum(layer["near_tie"] for layer in parity["layers"])
    tail = f", with {flips} routed differently at near ties" if flips else ""
    return f"The file answers as the run does on {compared}: error {error:.1e} of {bound:.1e} allowed{tail}"


def reasons(parity: Mapping[str, Any]) -> list[str]:
    """Why parity failed, each in words."""
    found = []
    if not parity["error"] <= parity["bound"]:
        found.append(f"a logit is off by {parity['error']:.1e}, and {parity['bound']:.1e} is allowed")
    hard = sum(layer["hard"] for layer in parity["layers"])
    if hard:
        found.append(f"{hard} tokens went to other experts without a near tie")
    if parity["unequal_weights"] or any(layer["unequal_weights"] for layer in parity["layers"]):
        found.append("some weights are not the run's, bit by bit")
    if any(not layer["probability_error"] <= 1e-5 for layer in parity["layers"]):
        found.append("a router's probabilities are off by more than 1e-5")
    return found or ["the comparison did not pass"]


def rows(parity: Mapping[str, Any]) -> list[dict[str, str | int]]:
    """A row for each routed layer."""
    names = layer_names([layer["path"] for layer in parity["layers"]])
    return [
        {
            "Layer": names[layer["path"]],
            "Tokens": layer["tokens"],
            "Same experts": percent(layer["same_set"] / max(1, layer["tokens"])),
            "Same order": percent(layer["same_order"] / max(1, layer["tokens"])),
            "Near ties": layer["near_tie"],
            "After a near tie": layer["downstream"],
            "Other reasons": layer["hard"],
            "Probability error": f"{layer['probability_error']:.1e}",
        }
        for layer in parity["layers"]
    ]


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
