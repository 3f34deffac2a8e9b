"""Small files in memory, good and bad."""

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from core.data.own.files import Upload

WORDS = b"the quick brown fox jumps over the lazy dog\n"


def zipped(members: dict[str, bytes], **options: int) -> bytes:
    """A zip of these members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def png(shade: int = 128, size: tuple[int, int] = (12, 10), mode: str = "RGB") -> bytes:
    """A plain picture."""
    out = io.BytesIO()
    Image.new(mode, size, shade if mode != "RGB" else (shade, 0, 255 - shade)).save(out, "PNG")
    return out.getvalue()


def picture_zip(classes: int = 2, each: int = 6) -> bytes:
    return zipped({f"pics/class{c}/{i}.png": png(40 * c + i) for c in range(classes) for i in range(each)})


def table_csv(rows: int = 40, seed: int = 0) -> bytes:
    """A table with numbers, words, a gap in each, two classes and a value."""
    rng = np.random.default_rng(seed)
    lines = ["size,color,price,kind"]
    for i in range(rows):
        size = "" if i == 3 else f"{rng.normal(5, 2):.3f}"
        color = "NA" if i == 5 else ("red", "green", "blue")[i % 3]
        lines.append(f"{size},{color},{rng.normal(100, 20):.2f},{'cat' if i % 2 else 'dog'}")
    return ("\n".join(lines) + "\n").encode()


def upload(name: str, data: bytes) -> Upload:
    return Upload(name, data)


def everything_in(root: Path) -> list[Path]:
    """All files and folders below a root."""
    return sorted(root.rglob("*"))
