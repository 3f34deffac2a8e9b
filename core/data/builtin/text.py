"""Five text domains found in what is already installed, or generated.

They depend on installed versions; the fingerprint records which bytes were used.
"""

from __future__ import annotations

import gzip
import importlib.util
import sysconfig
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path

import numpy as np

from core.data.errors import DataError
from core.data.text import Files, TextData, build_text, name_order

DOMAIN_BYTES = 1_000_000
FILE_BYTES = 128 * 1024
SAMPLE_BYTES = 4096


def read_some(files: Iterable[Path], base: Path, cap: int = DOMAIN_BYTES) -> Files:
    """Files of at most `FILE_BYTES`, in an order fixed by their names, until `cap` bytes are read."""
    chosen: list[tuple[str, bytes]] = []
    room = cap
    names = sorted((path.relative_to(base).as_posix() for path in files), key=name_order)
    for name in names:
        data = (base / name).read_bytes()
        if 0 < len(data) <= min(FILE_BYTES, room):
            chosen.append((name, data))
            room -= len(data)
    return sorted(chosen)


def folder_of(package: str) -> Path | None:
    """Where a package is installed, without importing it."""
    spec = importlib.util.find_spec(package)
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) if places else None


def english() -> Files:
    """Python's reference documentation, one file for each topic."""
    from pydoc_data.topics import topics

    return [(name, text.encode()) for name, text in sorted(topics.items())]


def python() -> Files:
    """Modules of the standard library."""
    base = Path(sysconfig.get_paths()["stdlib"])
    return read_some(base.glob("*.py"), base)


def cpp() -> Files:
    """C++ headers that PyTorch ships."""
    folder = folder_of("torch")
    files: Files = ()
    if folder:
        base = folder / "include"
        files = read_some(
            (path for part in ("c10", "ATen/core") for path in (base / part).rglob("*.h")), base
        )
    if not files:
        raise DataError(
            "The C++ headers of PyTorch were not found.",
            "The built-in text takes its C++ domain from them.",
            "install PyTorch as requirements.txt says, or train on your own text.",
        )
    return files


def arithmetic(files: int = 128) -> Files:
    """Generated sums such as `12+35=47`, one a line, of a different range and mix in each file."""
    return [(f"{number:03}.txt", arithmetic_file(number)) for number in range(files)]


def arithmetic_file(number: int) -> bytes:
    """About `SAMPLE_BYTES` of arithmetic, the same for the same number."""
    rng = np.random.default_rng([7, number])
    top = int(rng.choice([10, 100, 1000]))
    count = SAMPLE_BYTES // 8
    a_n, b_n = rng.integers(0, top, (2, count)).tolist()
    signs = "+-*" if top < 1000 else "+-"
    lines = []
    for a, b, which in zip(a_n, b_n, rng.integers(0, len(signs), count).tolist(), strict=True):
        sign = signs[which]
        answer = a + b if sign == "+" else a - b if sign == "-" else a * b
        lines.append(f"{a}{sign}{b}={answer}\n")
    return "".join(lines).encode()


def tables() -> Files:
    """Tables that scikit-learn ships: CSV as it is, JSON unpacked. Long ones are cut at a line."""
    # Asked for a package inside, Python would import the whole of scikit-learn to find it.
    folder = folder_of("sklearn")
    if folder is None:
        raise DataError(
            "The tables of scikit-learn were not found.",
            "The built-in text takes its tables domain from them.",
            "install scikit-learn as requirements.txt says, or train on your own text.",
        )
    base = folder / "datasets"
    files = []
    for path in sorted([*base.rglob("*.csv"), *base.rglob("*.csv.gz"), *base.rglob("*.json.gz")]):
        data = path.read_bytes()
        data = gzip.decompress(data) if path.suffix == ".gz" else data
        if len(data) > FILE_BYTES:
            data = data[: data.rfind(b"\n", 0, FILE_BYTES) + 1]
        files.append((path.relative_to(base).as_posix(), data))
    return files


DOMAINS: dict[str, Callable[[], Files]] = {
    "english": english,
    "python": python,
    "cpp": cpp,
    "arithmetic": arithmetic,
    "tables": tables,
}


@lru_cache(maxsize=1)
def open_text() -> TextData:
    """All five domains, held out by file."""
    return build_text("text", "Five kinds of text", {name: files() for name, files in DOMAINS.items()})
