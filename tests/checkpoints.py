"""Checkpoints that are whole and hold nothing, for tests that never load them."""

import json
from pathlib import Path

from core.design.files import MODEL, OPTIMIZER, STATE, seal, write_whole


def write_checkpoint(run_folder: Path, step: int) -> Path:
    """Its folder."""
    folder = run_folder / "checkpoints" / str(step)
    for name in (MODEL, OPTIMIZER):
        write_whole(folder / name, f"{name} {step}")
    write_whole(folder / STATE, json.dumps(seal(folder, step)))
    return folder
