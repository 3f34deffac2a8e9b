"""The C program as a loaded library: compiled for this very processor when first wanted, then kept."""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from ctypes import c_int64, c_void_p
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np  # noqa: F401  # brings the BLAS that `_blas` finds
import torch
from threadpoolctl import threadpool_info  # type: ignore[import-untyped]  # ships no types

#: How the names of all that lies in the folder for this program begin.
OURS = "experts-"
SOURCE = Path(__file__).with_name("experts.c")
FLAGS = [
    "-O3",
    "-march=native",
    "-std=gnu11",  # c11 itself forbids to multiply and add at once
    "-fopenmp-simd",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fPIC",
    "-shared",
]
#: It takes half a second where nothing else runs. Each new process waits as long for a compiler that hangs.
PATIENCE_S = 15
#: Libraries that no process has loaded for so long are taken away when another is built.
UNUSED_S = 30 * 24 * 3600
#: Names that say how wide their integers are, NumPy's first; a bare `cblas_sgemm` does not.
PRODUCTS = {
    "scipy_cblas_sgemm64_": "int64_t",
    "cblas_sgemm64_": "int64_t",
    "scipy_cblas_sgemm": "int32_t",
}


class Library(NamedTuple):
    """forward, backward, hit: as in experts.c. product: the address of the BLAS's product of matrices.
    parallel: of what runs work on torch's threads, 0 if it is not found.
    """

    forward: Any
    backward: Any
    hit: Any
    product: int
    parallel: int


@cache
def library() -> Library | None:
    """The library, or None on a machine without a C compiler or without NumPy's own OpenBLAS."""
    blas = _blas()
    if blas is None:
        return None
    product, integer = blas
    try:
        compiler = shlex.split(os.environ.get("CC", "cc"))
        if not compiler or shutil.which(compiler[0]) is None:
            return None
        loaded = _loaded([*compiler, *FLAGS, f"-DBLAS_INT={integer}"])
    # No home is a RuntimeError, a quote in CC that is left open a ValueError.
    except (OSError, RuntimeError, ValueError, subprocess.SubprocessError) as fault:
        why = getattr(fault, "stderr", None) or fault
        logging.getLogger(__name__).warning("Experts are not compiled and run slower: %s", why)
        return None
    loaded.forward.argtypes = (c_void_p,) * 5
    loaded.backward.argtypes = (c_void_p,) * 9
    loaded.hit.argtypes = (
        c_void_p, c_void_p, c_int64, c_int64, c_void_p, c_void_p, c_int64, c_void_p, c_void_p,
    )  # fmt: skip
    for function in (loaded.forward, loaded.backward, loaded.hit):
        function.restype = None
    return Library(loaded.forward, loaded.backward, loaded.hit, product, _parallel())


def _loaded(command: list[str]) -> ctypes.CDLL:
    """The library that a command makes. Raises as `_built` does."""
    path = _built(command)
    try:
        return ctypes.CDLL(str(path))
    except OSError:
        if path.exists():
            raise
        # Another process tidied at this very moment; what is built now is too young for that.
        return ctypes.CDLL(str(_built(command)))


def _blas() -> tuple[int, str] | None:
    """The address of float32's product in a library that is loaded, and the type of its integers."""
    loaded = [ctypes.CDLL(p["filepath"]) for p in threadpool_info() if p["internal_api"] == "openblas"]
    for name, integer in PRODUCTS.items():
        for blas in loaded:
            if hasattr(blas, name):
                address = ctypes.cast(getattr(blas, name), c_void_p).value
                assert address is not None
                return address, integer
    return None


def _parallel() -> int:
    """OpenMP's entry for gcc, in the library that torch itself uses: there may be others in the process."""
    folder = Path(torch.__file__).parent / "lib"
    for name in folder.glob("libtorch_cpu.*"):
        found = getattr(ctypes.CDLL(str(name)), "GOMP_parallel", None)
        if found is not None:
            return ctypes.cast(found, c_void_p).value or 0
    return 0


def _processor() -> bytes:
    """What tells processors apart whose instructions differ: a home folder may be shared by many machines."""
    try:
        lines = Path("/proc/cpuinfo").read_bytes().splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}".encode()
    return platform.machine().encode() + b"".join(
        sorted({line for line in lines if line.startswith((b"flags", b"Features"))})
    )


def _built(command: list[str]) -> Path:
    """The compiled file, made if it is not there. Its name says of what it is made and what it must contain:
    one that a full disk or a lost connection cut short is made anew, for loading it could end the process.
    Processes that build at once each put a whole file there.

    Raises OSError or SubprocessError, RuntimeError without a home.
    """
    folder = _folder()
    name = f"{OURS}{_digest(SOURCE.read_bytes(), *map(os.fsencode, command), _processor())}"
    for kept in folder.glob(f"{name}-*.so"):
        with suppress(OSError):  # a home may be read-only
            os.utime(kept)
        with suppress(FileNotFoundError):
            if kept.name == f"{name}-{_digest(kept.read_bytes())}.so":
                return kept
    with tempfile.TemporaryDirectory(prefix=OURS, dir=folder) as room:
        fresh = Path(room) / name
        subprocess.run(
            [*command, "-o", str(fresh), str(SOURCE)],
            check=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            timeout=PATIENCE_S,
        )
        made = fresh.replace(folder / f"{name}-{_digest(fresh.read_bytes())}.so")
    _tidy(folder)
    return made


def _tidy(folder: Path) -> None:
    """Take away what nobody has used for long: libraries of other versions, and rooms of builds that were
    killed. A process that has one loaded keeps it; what cannot be taken away stays.
    """
    for old in folder.glob(f"{OURS}*"):
        with suppress(OSError):
            if time.time() - old.stat().st_mtime < UNUSED_S:
                continue
            if old.is_dir():
                shutil.rmtree(old)
            else:
                old.unlink()


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:24]


def _folder() -> Path:
    """Where the user's caches are. What lies in it is run: raises PermissionError unless it is the user's own
    and nobody else may write there.
    """
    kept = os.environ.get("XDG_CACHE_HOME")
    folder = (Path(kept) if kept else Path.home() / ".cache") / "moe-studio"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Of a link too: whoever made it may point it elsewhere afterwards.
    owners = {folder.lstat().st_uid, folder.stat().st_uid}
    if owners != {os.geteuid()} or folder.stat().st_mode & 0o022:
        raise PermissionError(f"{folder} is another user's, or others may write in it")
    return folder
