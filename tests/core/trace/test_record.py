"""The trace file: what is written is read, and nothing else is."""

import io
import zipfile
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from core.trace.errors import TraceError
from core.trace.newest import newest_trace, trace_path
from core.trace.record import Tokens, read, write
from tests.core.trace.make import make_soft, make_trace


@pytest.mark.parametrize("probability", [True, False])
@pytest.mark.parametrize("tokens", [0, 6])
def test_what_is_written_is_read(tmp_path: Path, tokens: int, probability: bool) -> None:
    trace = make_trace(max(tokens, 1), probability=probability)
    if tokens == 0:
        trace = empty(trace)
    size = write(tmp_path / "deep" / "7.npz", trace)
    assert size == (tmp_path / "deep" / "7.npz").stat().st_size
    back = read(tmp_path / "deep" / "7.npz")
    assert back.header == trace.header
    assert back.domains == ("english", "python")
    for entry in fields(Tokens):
        np.testing.assert_array_equal(getattr(back.tokens, entry.name), getattr(trace.tokens, entry.name))
    for name in ("expert", "weight", "accepted", "entropy", "margin", "probability"):
        ours, theirs = getattr(back.layers[0], name), getattr(trace.layers[0], name)
        assert (ours is None) == (theirs is None)
        if ours is not None:
            np.testing.assert_array_equal(ours, theirs)
            assert ours.dtype == theirs.dtype
    assert back.layer("decoder.0.1").experts == 4
    with pytest.raises(TraceError, match=r"no routed layer 'x'.*choose one it has: decoder\.0\.1"):
        back.layer("x")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["7.npz"]


def test_a_layer_that_selects_nothing_is_written_and_read(tmp_path: Path) -> None:
    trace = make_soft()
    write(tmp_path / "7.npz", trace)
    soft = read(tmp_path / "7.npz").layer("decoder.1.1")
    assert soft.soft
    assert soft.expert.shape == soft.weight.shape == soft.accepted.shape == (6, 0)
    np.testing.assert_array_equal(soft.probability, trace.layers[1].probability)
    assert np.isinf(soft.margin).all()


@pytest.mark.parametrize("wrong", [{"probability": False}, {"k": 2}])
def test_a_soft_layer_without_shares_or_with_choices_is_refused(
    tmp_path: Path, wrong: dict[str, int]
) -> None:
    trace = make_soft()
    hard, soft = trace.layers[0], trace.layers[1]
    header = soft.header.model_copy(update=wrong)
    bad = replace(hard if "k" in wrong else soft, header=header)
    if not header.probability:
        bad = replace(bad, probability=None)
    whole = trace.header.model_copy(update={"layers": (hard.header, header)})
    write(tmp_path / "7.npz", replace(trace, header=whole, layers=(hard, bad)))
    with pytest.raises(TraceError, match=r"selects nothing.*To fix this"):
        read(tmp_path / "7.npz")


def test_arrays_must_match_their_header_when_written(tmp_path: Path) -> None:
    trace = make_trace()
    wrong = replace(trace, layers=(replace(trace.layers[0], expert=trace.layers[0].expert.astype(np.int64)),))
    with pytest.raises(TraceError, match=r"0\.expert is int64"):
        write(tmp_path / "7.npz", wrong)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("expert", "why"),
    [(4, "does not have"), (-2, "does not have"), (-1, "did not make")],
)
def test_choices_outside_the_layer_are_refused(tmp_path: Path, expert: int, why: str) -> None:
    trace = make_trace()
    trace.layers[0].expert[2, 0] = expert
    write(tmp_path / "7.npz", trace)
    with pytest.raises(TraceError, match=why):
        read(tmp_path / "7.npz")


def test_domains_outside_the_list_are_refused(tmp_path: Path) -> None:
    trace = make_trace()
    trace.tokens.domain[0] = 2
    write(tmp_path / "7.npz", trace)
    with pytest.raises(TraceError, match="a domain it does not list"):
        read(tmp_path / "7.npz")


def test_files_that_are_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "7.npz"
    with pytest.raises(TraceError, match=r"no trace 7\.npz.*To fix this"):
        read(path)
    path.write_bytes(b"not a zip")
    with pytest.raises(TraceError, match="cannot be read as a trace"):
        read(path)
    np.savez(path, header=np.frombuffer(b'{"tokens": -1}', np.uint8))
    with pytest.raises(TraceError, match="header is not valid"):
        read(path)
    np.savez(path, other=np.zeros(3))
    with pytest.raises(TraceError, match="no array"):
        read(path)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("expert", np.array([[None, None]] * 6)),
        ("expert", np.zeros((6, 2), np.int32)),
        ("expert", np.zeros((7, 2), np.int16)),
        ("expert", None),
        ("more", np.zeros(3)),
    ],
    ids=["pickled", "other type", "other shape", "missing", "unknown"],
)
def test_arrays_that_do_not_match_are_refused(tmp_path: Path, name: str, array: np.ndarray | None) -> None:
    path = tmp_path / "7.npz"
    write(path, make_trace())
    with zipfile.ZipFile(path) as archive:
        parts = {info: archive.read(info) for info in archive.namelist()}
    parts.pop(f"0.{name}.npy", None)
    if array is not None:
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=True)
        parts[f"0.{name}.npy"] = buffer.getvalue()
    with zipfile.ZipFile(path, "w") as archive:
        for part, data in parts.items():
            archive.writestr(part, data)
    with pytest.raises(TraceError, match="To fix this"):
        read(path)


def test_a_torn_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "7.npz"
    write(path, make_trace())
    whole = path.read_bytes()
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        with pytest.raises(TraceError):
            read(path)


def test_a_flipped_byte_never_makes_another_trace(tmp_path: Path) -> None:
    path = tmp_path / "7.npz"
    trace = make_trace()
    write(path, trace)
    whole = path.read_bytes()
    refused = 0
    for at in range(0, len(whole), 41):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            back = read(path)
        except TraceError:
            refused += 1
        else:
            np.testing.assert_array_equal(back.layers[0].expert, trace.layers[0].expert)
            np.testing.assert_array_equal(back.tokens.nll, trace.tokens.nll)
    assert refused > len(whole) // 41 // 2


def test_the_newest_trace_of_a_run(tmp_path: Path) -> None:
    assert newest_trace(tmp_path) is None
    for step in (9, 100, 20):
        write(trace_path(tmp_path, step), make_trace())
    (tmp_path / "traces" / ".200.npz.abc").touch()
    assert newest_trace(tmp_path) == trace_path(tmp_path, 100)


def empty(trace):
    """The same trace without tokens."""
    tokens = Tokens(**{entry.name: getattr(trace.tokens, entry.name)[:0] for entry in fields(Tokens)})
    layer = trace.layers[0]
    names = ("expert", "weight", "accepted", "entropy", "margin", "probability")
    cut = {name: getattr(layer, name) for name in names}
    layer = replace(layer, **{name: array[:0] for name, array in cut.items() if array is not None})
    header = trace.header.model_copy(update={"tokens": 0})
    return replace(trace, header=header, tokens=tokens, layers=(layer,))
