"""The C program: its activations against torch's in float64, what it leaves to NumPy, and how it is built."""

import ctypes
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from core.model.execute import sparse as module
from core.model.execute.activation import ACTIVATIONS
from core.model.execute.compiled import call
from core.model.execute.compiled import library as building
from core.model.execute.compiled.experts import takes
from core.model.execute.compiled.library import library
from core.model.execute.sparse import choose, sparse
from core.model.experts import ExpertBank, GroupShape, StackedExperts


def compiles() -> bool:
    """Whether this machine makes a library of any program: some have a compiler without its headers."""
    command = [os.environ.get("CC", "cc"), "-x", "c", "-shared", "-fPIC", "-", "-o"]
    with tempfile.TemporaryDirectory() as room:
        try:
            subprocess.run(
                [*command, f"{room}/any.so"], input=b"#include <string.h>\n", capture_output=True, check=True
            )
        except (OSError, subprocess.CalledProcessError):
            return False
    return True


#: Not whether `library` finds it: a program that no longer compiles is to fail, not to be skipped.
needs_compiler = pytest.mark.skipif(
    building._blas() is None or not compiles(),
    reason="no C compiler or no OpenBLAS here: nothing is compiled, and NumPy multiplies",
)


@pytest.fixture
def anew() -> Iterator[None]:
    """Looks for the library again, now and afterwards."""
    library.cache_clear()
    yield
    library.cache_clear()


def alone(activation: str, kind: str) -> ExpertBank:
    """One expert of width 1, whose matrices are ones: f(x) of a plain, x f(x) of a gated one."""
    bank = ExpertBank(1, [GroupShape(kind, 1, 1, activation)])  # type: ignore[arg-type]  # a literal
    for parameter in bank.parameters():
        torch.nn.init.ones_(parameter)
    return bank


def through(bank: ExpertBank, x_TD: Tensor, strategy: str = "compiled") -> list[Tensor]:
    """The output, and the gradients of x and of the weights, each row for itself."""
    x_TD = x_TD.clone().requires_grad_()
    weight_TK = torch.full_like(x_TD[:, :1], 0.5, requires_grad=True)
    y_TD = sparse(bank, x_TD, torch.zeros(len(x_TD), 1, dtype=torch.int64), weight_TK, strategy)  # type: ignore[arg-type]  # a literal
    return [y_TD, *torch.autograd.grad(y_TD.sum(), [x_TD, weight_TK])]


@needs_compiler
def test_this_machine_has_the_program() -> None:
    assert library() is not None
    assert choose(64, 2, 8, 1) == "compiled"
    assert set(call.ACTIVATIONS) == set(ACTIVATIONS)


@needs_compiler
@pytest.mark.parametrize("kind", ["mlp", "glu"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_and_slopes_are_torchs(activation: str, kind: str) -> None:
    x_TD = torch.cat([torch.linspace(-100, 100, 4001), torch.linspace(-6, 6, 4001), torch.tensor([0.0])])[
        :, None
    ]
    wide = alone(activation, kind).double()
    for mine, exact in zip(
        through(alone(activation, kind), x_TD), through(wide, x_TD.double(), "ragged"), strict=True
    ):
        assert mine.dtype == torch.float32
        torch.testing.assert_close(mine.double(), exact.double(), rtol=3e-6, atol=1e-6)


@needs_compiler
@pytest.mark.parametrize("kind", ["mlp", "glu"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_what_diverges_and_what_is_no_number_is_as_in_torch(activation: str, kind: str) -> None:
    tiny = [0.0, 1e-45, 1e-39, 1e-38]
    x_TD = torch.tensor([*tiny, 80, 87, 1e2, 1e6, 1e12, 1e13, 1e18, 1e20, 1e30, 1e38, math.inf, math.nan])
    x_TD = torch.cat([x_TD, -x_TD])[:, None]
    bank = alone(activation, kind)
    mine, others = through(bank, x_TD), through(bank, x_TD, "ragged")
    assert torch.equal(mine[0].isnan(), others[0].isnan())
    numbers = ~mine[0].isnan()
    for my, their in zip(mine, others, strict=True):
        torch.testing.assert_close(my[numbers], their[numbers], rtol=3e-6, atol=1e-30, equal_nan=True)


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    """Sets torch's number of threads until the test ends."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@needs_compiler
@pytest.mark.parametrize("run_bytes", [64, 2**21])
def test_no_result_depends_on_the_number_of_threads(
    threads: Callable[[int], None], monkeypatch: pytest.MonkeyPatch, run_bytes: int
) -> None:
    monkeypatch.setattr(call, "RUN_BYTES", run_bytes)
    generator = torch.Generator().manual_seed(0)
    bank = ExpertBank(
        8, [GroupShape("glu", 6, 12), GroupShape("mlp", 1, 4), GroupShape("mlp", 3, 20, "gelu")]
    )
    x_TD = torch.randn(90, 8, generator=generator, requires_grad=True)
    weight_TK = torch.rand(90, 3, generator=generator, requires_grad=True)
    # Unevenly: expert 0 is chosen by no one, the last by most; some slots name none.
    chance_E = torch.arange(10.0) ** 3
    expert_TK = torch.multinomial(chance_E.expand(90, 10), 3, generator=generator)
    expert_TK[torch.rand(90, 3, generator=generator) < 0.1] = -1
    leaves = [x_TD, weight_TK, *bank.parameters()]
    found = []
    for number in (1, 2, 3, 16):
        threads(number)
        with torch.no_grad():
            answer = sparse(bank, x_TD, expert_TK, weight_TK, "compiled")
        y_TD = sparse(bank, x_TD, expert_TK, weight_TK, "compiled")
        found.append([answer, y_TD, *torch.autograd.grad(y_TD.square().sum(), leaves)])
    for others in found[1:]:
        assert all(torch.equal(mine, others) for mine, others in zip(found[0], others, strict=True))


@needs_compiler
@pytest.mark.parametrize("granted", [1, 2])
def test_experts_of_all_groups_are_given_out_together_to_whoever_comes(
    threads: Callable[[int], None], monkeypatch: pytest.MonkeyPatch, granted: int
) -> None:
    # Every expert of an uneven bank is a group of its own. Fewer threads may come than are asked for.
    bank = ExpertBank(8, [GroupShape("glu", 1, 4), GroupShape("zero", 1), GroupShape("mlp", 1, 9)])
    x_TD, weight_TK = torch.randn(30, 8, requires_grad=True), torch.rand(30, 2, requires_grad=True)
    expert_TK = torch.rand(30, 3).argsort(1)[:, :2]

    def results() -> list[Tensor]:
        y_TD = sparse(bank, x_TD, expert_TK, weight_TK, "compiled")
        return [y_TD, *torch.autograd.grad(y_TD.square().sum(), [x_TD, weight_TK, *bank.parameters()])]

    threads(1)
    alone = results()
    asked = []

    @ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)
    def parallel(work: int, task: int, number: int, flags: int) -> None:
        asked.append((number, flags))
        for _ in range(granted):
            ctypes.CFUNCTYPE(None, ctypes.c_void_p)(work)(task)

    whole = library()
    assert whole is not None
    address = ctypes.cast(parallel, ctypes.c_void_p).value
    monkeypatch.setattr(call, "library", lambda: whole._replace(parallel=address))
    threads(3)
    for mine, others in zip(results(), alone, strict=True):
        assert torch.equal(mine, others)
    assert asked == [(3, 0)] * 4  # forward and backward: experts, then sums of tokens
    expert_TK.fill_(2)[:, 1] = -1
    asked.clear()
    results()
    assert asked == []  # a single expert has rows


@needs_compiler
def test_torchs_threads_are_found_or_one_is_used(
    threads: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = library()
    assert whole is not None
    assert whole.parallel or sys.platform != "linux"
    monkeypatch.setattr(call, "library", lambda: whole._replace(parallel=0))
    monkeypatch.setattr(module, "library", lambda: whole._replace(parallel=0))
    threads(2)
    assert choose(2048, 2, 8, 2) == "ragged"
    bank, x_TD = ExpertBank(8, [GroupShape("glu", 1, 4)]), torch.randn(3, 8)
    for mine, others in zip(through(bank, x_TD), through(bank, x_TD, "ragged"), strict=True):
        torch.testing.assert_close(mine, others)


@needs_compiler
@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        (GroupShape("glu", 2, 4, bias=True), torch.float32),
        (GroupShape("glu", 2, 4, alpha=1.702, limit=7.0), torch.float32),
        (GroupShape("glu", 2, 4), torch.float64),
        (GroupShape("glu", 2, 4), torch.bfloat16),
    ],
    ids=["bias", "clamp", "float64", "bfloat16"],
)
def test_what_it_does_not_run_is_left_to_others(shape: GroupShape, dtype: torch.dtype) -> None:
    bank = ExpertBank(8, [shape]).to(dtype)
    (group,) = bank.members()
    assert isinstance(group, StackedExperts)
    assert not takes(group.between, [t for t in group.tensors() if t is not None], dtype)
    x_TD, expert_TK, weight_TK = torch.randn(5, 8, dtype=dtype), torch.tensor([[0, 1]] * 5), torch.rand(5, 2)
    results = [sparse(bank, x_TD, expert_TK, weight_TK.to(dtype), way) for way in ("compiled", "ragged")]
    torch.testing.assert_close(*results)


@needs_compiler
def test_only_what_is_asked_for_has_a_gradient() -> None:
    bank = ExpertBank(8, [GroupShape("glu", 3, 4)])
    bank.members()[0].get_parameter("down_EDH").requires_grad_(False)
    x_TD, expert_TK = torch.randn(6, 8), torch.tensor([[0], [2], [-1], [2], [0], [0]])
    sparse(bank, x_TD, expert_TK, torch.rand(6, 1), "compiled").sum().backward()
    gate_up = bank.members()[0].get_parameter("gate_up_EHD").grad
    assert gate_up is not None
    assert gate_up.flatten(1).abs().amax(1).gt(0).tolist() == [True, False, True]
    assert bank.members()[0].get_parameter("down_EDH").grad is None


@pytest.mark.usefixtures("anew")
@pytest.mark.parametrize("compiler", ["no-such-compiler", "false", "", "cc '"])
def test_without_a_compiler_numpy_multiplies(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, compiler: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("CC", compiler)
    assert library() is None
    assert choose(64, 2, 8, 1) == "numpy"
    bank, x_TD = ExpertBank(8, [GroupShape("glu", 1, 4)]), torch.randn(3, 8)
    for mine, others in zip(through(bank, x_TD), through(bank, x_TD, "numpy"), strict=True):
        assert torch.equal(mine, others)


@needs_compiler
@pytest.mark.usefixtures("anew")
def test_a_cache_that_cannot_be_written_is_said_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert library() is None
    assert library() is None
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "not compiled" in caplog.text


@needs_compiler
@pytest.mark.usefixtures("anew")
@pytest.mark.parametrize("whose", ["all may write", "linked elsewhere"])
def test_what_others_may_have_written_is_not_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture, whose: str
) -> None:
    folder = tmp_path / "moe-studio"
    if whose == "all may write":
        folder.mkdir()
        folder.chmod(0o777)
    else:
        folder.symlink_to("/")
        monkeypatch.setattr(building.os, "geteuid", lambda: Path("/").stat().st_uid + 1)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert library() is None
    assert "others may write in it" in caplog.text


@needs_compiler
@pytest.mark.usefixtures("anew")
def test_it_is_built_once_and_kept_and_anew_where_it_was_cut_short(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    line = "from core.model.execute.compiled.library import library; assert library() is not None"
    ways = [subprocess.Popen([sys.executable, "-c", line], env=environment) for _ in range(3)]
    assert [way.wait(60) for way in ways] == [0, 0, 0]
    (kept,) = (tmp_path / "moe-studio").iterdir()
    assert kept.parent.stat().st_mode & 0o777 == 0o700
    whole = kept.read_bytes()
    kept.write_bytes(whole[: len(whole) // 2])  # whoever loads this is ended by the kernel
    subprocess.run([sys.executable, "-c", line], env=environment, check=True)
    assert [file.read_bytes() for file in kept.parent.iterdir()] == [whole]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(building.subprocess, "run", None)
    assert library() is not None


@needs_compiler
@pytest.mark.usefixtures("anew")
def test_building_takes_away_what_was_not_used_for_long(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder, now = tmp_path / "moe-studio", time.time()
    folder.mkdir(mode=0o700)
    days = {"experts-old.so": 31, "experts-in-use.so": 29, "experts-killed": 31, "another.so": 99}
    for name, age in days.items():
        if name == "experts-killed":
            (folder / name).mkdir()
            (folder / name / "half").touch()
        else:
            (folder / name).touch()
        os.utime(folder / name, (now - age * 86_400,) * 2)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert library() is not None
    (made,) = (each for each in folder.iterdir() if each.name not in days)
    assert {each.name for each in folder.iterdir()} == {"experts-in-use.so", "another.so", made.name}

    # Loading says that it is in use, so that the next build leaves it.
    os.utime(made, (now - 31 * 86_400,) * 2)
    library.cache_clear()
    assert library() is not None
    assert time.time() - made.stat().st_mtime < 60
    os.utime(folder / "experts-in-use.so", (now - 31 * 86_400,) * 2)
    building._tidy(folder)
    assert {each.name for each in folder.iterdir()} == {"another.so", made.name}


@needs_compiler
@pytest.mark.usefixtures("anew")
def test_a_library_taken_away_before_it_is_loaded_is_built_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found, calls = building._built, []

    def tidied(command: list[str]) -> Path:
        path = found(command)
        calls.append(path)
        if len(calls) == 1:
            path.unlink()
        return path

    monkeypatch.setattr(building, "_built", tidied)
    assert library() is not None
    assert len(calls) == 2


@pytest.mark.usefixtures("anew")
def test_a_compiler_that_hangs_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    compiler = tmp_path / "hangs"
    compiler.write_text("#!/bin/sh\nexec sleep 60\n")
    compiler.chmod(0o700)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("CC", str(compiler))
    monkeypatch.setattr(building, "_blas", lambda: (1, "int64_t"))  # nothing is called there
    monkeypatch.setattr(building, "PATIENCE_S", 0.2)
    assert library() is None
    assert "timed out" in caplog.text
    assert not list((tmp_path / "moe-studio").iterdir())
