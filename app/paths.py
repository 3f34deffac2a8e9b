"""Where the studio keeps everything."""

import os
from pathlib import Path


def data_root() -> Path:
    """The data folder: $MOE_STUDIO_DATA, or data/ here."""
    return Path(os.environ.get("MOE_STUDIO_DATA") or "data").expanduser().resolve()
