"""The choice of execution: by time, once per shape, the usual one in doubt."""

import pytest
import torch
from torch import Tensor

from core.model.execute import tune
from core.model.execute.sparse import choose, compiles
from core.model.execute.tune import Shape, bfloat16_pays, fastest, shape_of
from core.model.experts import ExpertBank, ExpertGroup, GroupShape

SHAPE = Shape(8, 2, (GroupShape("glu", 4, 8),), 8, 1)


@pytest.fixture(autouse=True)
def _forget() -> None:
    for cached in (fastest, bfloat16_pays, tune._products_faster):
        cached.cache_clear()


class Own(ExpertGroup):
    def rows(self, x_ND: Tensor, expert: int) -> Tensor:
        return x_ND


def test_a_shape_counts_what_the_kernels_run() -> None:
    groups = [GroupShape("glu", 2, 4), Own(3), GroupShape("mlp", 1, 6)]
    shape = shape_of(ExpertBank(8, groups), 10, 5)
    assert shape == Shape(10, 3, (groups[0], groups[2]), 8, torch.get_num_threads())
    assert shape_of(ExpertBank(8, [Own(2)]), 10, 2) is None
    assert shape_of(ExpertBank(8, [GroupShape("glu", 2, 4)]), 0, 2) is None


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("usual_s", "others_s", "changed"), [(1.0, 0.5, True), (1.0, 0.97, False), (1.0, 2.0, False)]
)
def test_only_a_clearly_faster_way_replaces_the_usual_one(
    monkeypatch: pytest.MonkeyPatch, threads: int, usual_s: float, others_s: float, changed: bool
) -> None:
    asked = []
    usual = choose(8, 2, 4, threads)

    def timed(shape: Shape, ways: list[tuple[str, torch.dtype]]) -> list[float]:
        asked.append({way for way, _ in ways})
        return [usual_s if way == usual else others_s for way, _ in ways]

    monkeypatch.setattr(tune, "_timed", timed)
    shape = SHAPE._replace(threads=threads)
    assert (fastest(shape) != usual) is changed
    assert fastest(shape) == fastest(Shape(*shape))
    numpy, compiled = {"numpy"} if threads == 1 else set(), {"compiled"} if compiles(threads) else set()
    assert asked == [{"ragged", "grouped"} | numpy | compiled]


def test_bfloat16_must_pay_in_the_product_and_in_the_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tune, "_least", lambda works: [1.0] * len(works))
    assert not bfloat16_pays(SHAPE)
    bfloat16_pays.cache_clear()
    monkeypatch.setattr(tune, "_products_faster", lambda: True)
    monkeypatch.setattr(tune, "fastest", lambda _: "ragged")
    for seconds, pays in (([1.0, 0.95], False), ([1.0, 0.5], True)):
        monkeypatch.setattr(tune, "_timed", lambda *_, found=seconds: found)
        bfloat16_pays.cache_clear()
        assert bfloat16_pays(SHAPE) is pays


def test_timing_leaves_the_random_state_and_covers_every_way() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    ways = [("ragged", torch.float32), ("grouped", torch.float32), ("ragged", torch.bfloat16)]
    found = tune._timed(SHAPE, ways)
    assert len(found) == 3
    assert min(found) > 0
    assert torch.equal(torch.get_rng_state(), before)


def test_it_chooses_one_of_the_ways_for_real() -> None:
    assert fastest(SHAPE) in ("ragged", "grouped", "numpy", "compiled")
    assert bfloat16_pays(SHAPE) in (True, False)
