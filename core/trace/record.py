"""Trace v1: one `.npz` with what the tokens of an evaluation met in every routed layer. NumPy, no pickle.

N tokens, E experts, K most experts that any token of the layer got. The JSON header comes first; every array
is checked against it before its bytes are read, so a file from a stranger costs no more than it says.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from core.design.base import Spec, field
from core.design.files import write_whole
from core.design.routing.router import Scope
from core.trace.errors import TraceError

Array = npt.NDArray[Any]

MOST_TOKENS = 4_000_000
MOST_BYTES = 4 * 2**30
_HEADER = "header"

#: What a damaged file or one of another kind makes the readers raise.
UNREADABLE = (
    *(OSError, ValueError, KeyError, EOFError, NotImplementedError),
    *(zipfile.BadZipFile, zlib.error),
)


class LayerHeader(Spec):
    """One routed layer. `k` is K of its arrays; `expert_bytes` the size of each expert's weights."""

    path: str = field(min_length=1, max_length=200)
    scope: Scope = "token"
    experts: int = field(ge=1, le=32_767)
    k: int = field(ge=0, le=32_767)
    soft: bool = False
    probability: bool = False
    expert_bytes: tuple[int, ...] = ()


class Header(Spec):
    """What the arrays are of: run, checkpoint (its step), design sha, seed, domains by name."""

    format: Literal["moe-studio-trace"] = "moe-studio-trace"
    version: Literal[1] = 1
    run: str = field("", max_length=200)
    checkpoint: int = field(0, ge=0)
    design: str = field("", max_length=64)
    seed: int = field(0, ge=0)
    domains: tuple[str, ...] = ()
    tokens: int = field(ge=0, le=MOST_TOKENS)
    layers: tuple[LayerHeader, ...] = field((), max_length=8192)


@dataclass(frozen=True)
class Tokens:
    """Arrays [N]. `sequence` numbers the examples, `position` the tokens inside one.

    `forward` is the index of the forward inside a sequence and `phase` 0 for prefill, 1 for decode (an
    evaluation has one prefill). `domain` indexes `Header.domains`; `task` and `token` are -1 where there is
    none; `nll` in nats is the loss of the token, or of its whole example, and NaN where nothing was asked.
    """

    sequence: npt.NDArray[np.int32]
    position: npt.NDArray[np.int32]
    forward: npt.NDArray[np.int16]
    phase: npt.NDArray[np.int8]
    domain: npt.NDArray[np.int16]
    task: npt.NDArray[np.int16]
    token: npt.NDArray[np.int32]
    nll: npt.NDArray[np.float32]


@dataclass(frozen=True)
class RoutedLayer:
    """What one layer decided. `expert` [N, K] is padded with -1; `accepted` is False there and for drops.

    `weight` [N, K] is what the experts' outputs were multiplied with; `entropy` [N] of the router's
    distribution in nats; `margin` [N] between the last score selected and the first that was not.
    `probability` [N, E] is optional. A soft layer has no choices: K is 0, margins are infinite, and
    `probability`, which it always has, is each expert's share in the token's output.
    """

    header: LayerHeader
    expert: npt.NDArray[np.int16]
    weight: npt.NDArray[np.float16]
    accepted: npt.NDArray[np.bool_]
    entropy: npt.NDArray[np.float32]
    margin: npt.NDArray[np.float32]
    probability: npt.NDArray[np.float16] | None = None

    @property
    def path(self) -> str:
        """`stack.layer.part`, as `Design.occurrences` writes it."""
        return self.header.path

    @property
    def experts(self) -> int:
        """E."""
        return self.header.experts

    @property
    def soft(self) -> bool:
        """Whether every token is mixed into every expert, so that there is no selection."""
        return self.header.soft


def soft_layer(header: LayerHeader, entropy_T: Array, share_TE: Array) -> RoutedLayer:
    """A layer that selects nothing: no choices, and nothing that was left out."""
    none = (len(share_TE), 0)
    return RoutedLayer(
        header,
        expert=np.empty(none, np.int16),
        weight=np.empty(none, np.float16),
        accepted=np.empty(none, np.bool_),
        entropy=entropy_T.astype(np.float32),
        margin=np.full(len(share_TE), np.inf, np.float32),
        probability=share_TE.astype(np.float16),
    )


@dataclass(frozen=True)
class Trace:
    """Everything in the file."""

    header: Header
    tokens: Tokens
    layers: tuple[RoutedLayer, ...]

    @property
    def domains(self) -> tuple[str, ...]:
        """Names of the domains."""
        return self.header.domains

    def layer(self, path: str) -> RoutedLayer:
        """The layer of a path. Raises TraceError."""
        for layer in self.layers:
            if layer.path == path:
                return layer
        known = ", ".join(layer.path for layer in self.layers) or "none"
        raise TraceError(f"The trace has no routed layer {path!r}. To fix this, choose one it has: {known}.")


def write(path: Path, trace: Trace) -> int:
    """Write a trace, whole or not at all; its size in bytes. Raises TraceError where arrays do not match."""
    arrays = dict(_arrays(trace))
    for name, dtype, shape in _expected(trace.header):
        array = arrays[name]
        if array.dtype != dtype or array.shape != shape:
            raise TraceError(f"{name} is {array.dtype} {array.shape}, and the header says {dtype} {shape}.")
    header = np.frombuffer(trace.header.model_dump_json().encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **{_HEADER: header}, **arrays)
    write_whole(path, buffer.getvalue())
    return buffer.tell()


def read(path: Path) -> Trace:
    """Read a trace that anybody may have written.

    Raises:
        TraceError: no such file, not a trace, or arrays that do not match the header.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            header = Header.model_validate_json(_bytes_of(archive, _HEADER, 2**24))
            expected = list(_expected(header))
            _refuse_unknown(archive, {name for name, _, _ in expected})
            arrays = {name: _array(archive, name, dtype, shape) for name, dtype, shape in expected}
    except FileNotFoundError as error:
        raise TraceError(f"There is no trace {path.name}. To fix this, train the run to its end.") from error
    except UNREADABLE as error:
        raise TraceError(
            f"{path.name} cannot be read as a trace: {_reason(error)}. To fix this, choose a file that this"
            " studio wrote, or train the run again."
        ) from error
    trace = _trace(header, arrays)
    _check_values(trace, path.name)
    return trace


def _expected(header: Header) -> Iterator[tuple[str, np.dtype[Any], tuple[int, ...]]]:
    """Name, type and shape of every array the header promises."""
    n = header.tokens
    kinds = {"sequence": "i4", "position": "i4", "forward": "i2", "phase": "i1"}
    kinds |= {"domain": "i2", "task": "i2", "token": "i4", "nll": "f4"}
    for name, kind in kinds.items():
        yield name, np.dtype(kind), (n,)
    for i, layer in enumerate(header.layers):
        for name, kind in {"expert": "i2", "weight": "f2", "accepted": "?"}.items():
            yield f"{i}.{name}", np.dtype(kind), (n, layer.k)
        for name in ("entropy", "margin"):
            yield f"{i}.{name}", np.dtype("f4"), (n,)
        if layer.probability:
            yield f"{i}.probability", np.dtype("f2"), (n, layer.experts)


def _arrays(trace: Trace) -> Iterator[tuple[str, Array]]:
    for entry in fields(Tokens):
        yield entry.name, getattr(trace.tokens, entry.name)
    for i, layer in enumerate(trace.layers):
        for name in ("expert", "weight", "accepted", "entropy", "margin", "probability"):
            array = getattr(layer, name)
            if array is not None:
                yield f"{i}.{name}", array


def _trace(header: Header, arrays: dict[str, Array]) -> Trace:
    tokens = Tokens(**{entry.name: arrays[entry.name] for entry in fields(Tokens)})
    names = ("expert", "weight", "accepted", "entropy", "margin", "probability")
    layers = []
    for i, layer in enumerate(header.layers):
        held: dict[str, Any] = {name: arrays.get(f"{i}.{name}") for name in names}
        layers.append(RoutedLayer(layer, **held))
    return Trace(header, tokens, tuple(layers))


def _refuse_unknown(archive: zipfile.ZipFile, names: set[str]) -> None:
    entries = [info.filename for info in archive.infolist()]
    unknown = set(entries) - {f"{name}.npy" for name in names | {_HEADER}}
    if unknown or len(entries) != len(set(entries)):
        raise ValueError(f"it has entries that the header does not name ({', '.join(sorted(unknown))[:80]})")
    if sum(info.file_size for info in archive.infolist()) > MOST_BYTES:
        raise ValueError(f"it unpacks to more than {MOST_BYTES // 2**30} GiB")


def _array(archive: zipfile.ZipFile, name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    """One array, refused before its bytes are read if its own header says something else."""
    size = archive.getinfo(f"{name}.npy").file_size
    with archive.open(f"{name}.npy") as file:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise ValueError(f"{name} has NumPy format {version}")
        found, _, kind = np.lib.format.read_array_header_1_0(file)
        length = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        if found != shape or kind != dtype or size != file.tell() + length:
            raise ValueError(f"{name} is {kind} {found}, and the header says {dtype} {shape}")
    with archive.open(f"{name}.npy") as file:
        array: Array = np.lib.format.read_array(file, allow_pickle=False)
    return array


def _bytes_of(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    size = archive.getinfo(f"{name}.npy").file_size
    if size > limit:
        raise ValueError(f"its {name} has {size} bytes")
    array = _array(archive, name, np.dtype("u1"), (_plain_length(archive, name),))
    return array.tobytes()


def _plain_length(archive: zipfile.ZipFile, name: str) -> int:
    with archive.open(f"{name}.npy") as file:
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        return archive.getinfo(f"{name}.npy").file_size - file.tell()


def _check_values(trace: Trace, name: str) -> None:
    """Numbers that would index outside an array are refused here, so that nobody else has to look."""
    domain = trace.tokens.domain
    if len(domain) and not (domain.min() >= 0 and domain.max() < len(trace.domains)):
        raise TraceError(f"{name} names a domain it does not list. To fix this, train the run again.")
    for layer in trace.layers:
        if layer.soft and (layer.probability is None or layer.header.k):
            raise TraceError(
                f"{name} says that layer {layer.path} selects nothing, and has choices or no shares."
                " To fix this, train the run again."
            )
        chosen = layer.expert
        if chosen.size and not (chosen.min() >= -1 and chosen.max() < layer.experts):
            raise TraceError(
                f"{name} names experts that layer {layer.path} does not have."
                " To fix this, train the run again."
            )
        if (layer.accepted & (chosen < 0)).any():
            raise TraceError(
                f"{name} accepts choices that layer {layer.path} did not make."
                " To fix this, train the run again."
            )


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return f"its header is not valid ({error.errors()[0]['msg']})"
    if isinstance(error, KeyError):
        return f"it has no array {str(error.args[0])[:80]}"
    return str(error)[:200] or type(error).__name__
