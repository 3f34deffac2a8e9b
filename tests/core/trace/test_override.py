"""Overrides do exactly what they say, to the tokens they are for, and leave nothing behind."""

from functools import cache
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from core.design.override import Override
from core.design.presets.methods import Method, methods, with_method
from core.design.presets.pieces import attention, decoder, glu, language, layer, moe, repeat, router
from core.design.spec import Design
from core.model.build import build
from core.model.model import Model
from core.model.passing import Output, Pass
from core.model.routing.record import RoutingRecord
from core.trace.overridden import forced
from core.trace.override import OverrideError, overrides
from tests.support import inputs_for

FIRST, SECOND = "decoder.0.1", "decoder.1.1"
#: Routing methods of every kind of selection, on the starter (or on digits, where they look ahead).
KINDS = "top-k switch deepseek-v3 moe-plus-plus hmoe aoe moec top-p dense-to-sparse all-experts"
LOOKING = "expert-choice base hash oracle skillnet m3vit"
SELECTING = [m for m in methods() if m.name in f"{KINDS} {LOOKING}".split()]
#: Those that leave experts idle on two tokens of text; where islands are chosen first, an idle expert still
#: counts for its island.
SPARSE = [m for m in SELECTING if m.name in {"top-k", "switch", "hmoe", "aoe", "moec", "hash", "oracle"}]


def design(k: int = 2, **route: Any) -> Design:
    """Two layers of six experts; top-k, renormalised."""
    bank = moe([glu(4, 6)], router(k, **route), shared=[glu(4)])
    return Design.model_validate(
        {"width": 8, "task": language(12), "stacks": decoder(repeat(2, layer(attention(2), bank)))}
    )


def model_of(design: Design) -> Model:
    model = build(design, seed=3)
    return model.eval()


def ids(seed: int = 0) -> Tensor:
    return torch.randint(0, 256, (3, 12), generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def run(model: Model, inputs: Tensor | None = None, **circumstances: Any) -> Output:
    return model(ids() if inputs is None else inputs, Pass(record="full", **circumstances))


def picks(output: Output, path: str) -> Tensor:
    found: RoutingRecord = output.records[path]
    assert found.selected_TK is not None
    return found.selected_TK


def same(one: Output, other: Output) -> bool:
    return all(torch.equal(one.logits[head], other.logits[head]) for head in one.logits)


@cache
def method_case(chosen: Method) -> tuple[Model, Tensor, dict[str, Any], str]:
    """A small model of a method, inputs, their circumstances, and the path of a layer that has it."""
    of = with_method(chosen)
    inputs = inputs_for(of)[:, :16] if of.task.kind == "language_model" else inputs_for(of)
    tasks = torch.zeros(len(inputs), dtype=torch.long)
    path = next(o.path for o in of.occurrences() if o.body.kind == "moe" and o.body.router.combine.selects)
    return model_of(of), inputs, {"task_id": tasks, "domain": tasks, "domains": 1}, path


@pytest.mark.parametrize("chosen", SELECTING, ids=lambda m: m.name)
def test_a_suppressed_expert_gets_no_token_and_its_weights_do_not_matter(chosen: Method) -> None:
    model, inputs, given, path = method_case(chosen)
    before = run(model, inputs, **given)
    found = picks(before, path)
    busy = int(torch.bincount(found[found >= 0]).argmax())
    with overrides(model, {path: Override(suppress=(busy,))}):
        without = run(model, inputs, **given)
        assert not (picks(without, path) == busy).any()
        bank = next(part.body for at, part in model.parts() if at == path).experts
        group = max(i for i, first in enumerate(bank.starts) if first <= busy)
        own = [tensor for tensor in bank.members()[group].tensors() if tensor is not None]
        kept = [tensor.clone() for tensor in own]
        with torch.no_grad():
            for tensor in own:
                tensor[busy - bank.starts[group]] += 1.0
            after = run(model, inputs, **given)
            for tensor, before_ in zip(own, kept, strict=True):
                tensor.copy_(before_)
        if chosen.name != "aoe":  # there weights are shares of all experts' own norms
            assert same(after, without)


@pytest.mark.parametrize("chosen", SELECTING, ids=lambda m: m.name)
def test_leaving_restores_the_model_bit_by_bit(chosen: Method) -> None:
    model, inputs, given, path = method_case(chosen)
    before = run(model, inputs, **given)
    part = next(part.body for at, part in model.parts() if at == path)
    own = (part.router.select, part.router.modifiers, part.router.capacity, part.router.closes)
    names = list(model.state_dict())
    wrong = inputs[0]  # an example instead of a batch
    with (
        pytest.raises(ValueError, match="this model reads"),
        overrides(model, {path: Override(suppress=(0,))}),
    ):
        run(model, wrong, **given)
    with overrides(model, {path: Override(force=(0,), bias={1: 2.0})}):
        run(model, inputs, **given)
    after = (part.router.select, part.router.modifiers, part.router.capacity, part.router.closes)
    assert all(one is other for one, other in zip(own, after, strict=True))
    assert list(model.state_dict()) == names
    assert same(run(model, inputs, **given), before)
    with overrides(model, {path: Override(), SECOND: Override(scope="decode")}):
        assert same(run(model, inputs, **given), before)


@pytest.mark.parametrize("chosen", SPARSE, ids=lambda m: m.name)
def test_an_expert_without_tokens_can_be_suppressed_without_a_trace(chosen: Method) -> None:
    model, inputs, given, path = method_case(chosen)
    one = {**given, "task_id": given["task_id"][:1], "domain": given["domain"][:1]}
    before = run(model, inputs[:1, :2], **one)
    found = picks(before, path)
    used_E = torch.bincount(found[found >= 0], minlength=len(before.records[path].counts_E)) > 0
    with overrides(model, {path: Override(suppress=(int((~used_E).nonzero()[0]),))}):
        assert same(run(model, inputs[:1, :2], **one), before)


@pytest.mark.parametrize("chosen", SELECTING, ids=lambda m: m.name)
def test_a_forced_expert_gets_every_token_and_k_stays(chosen: Method) -> None:
    model, inputs, given, path = method_case(chosen)
    before = picks(run(model, inputs, **given), path)
    with overrides(model, {path: Override(force=(2,), drops=False)}):
        record = run(model, inputs, **given).records[path]
    assert (record.selected_TK == 2).any(1).all()
    counts = (before >= 0).sum(1).clamp_min(1)
    assert torch.equal((record.selected_TK >= 0).sum(1), counts)
    weight_T = (record.weight_TK * (record.expert_TK == 2)).sum(1)
    assert (weight_T > 0).all()


def test_counts_sum_to_k_times_tokens_whatever_is_switched() -> None:
    model = model_of(design())
    for spec in (Override(), Override(suppress=(0, 5)), Override(force=(1,)), Override(bias={3: 4.0})):
        with overrides(model, {FIRST: spec, SECOND: spec}):
            output = run(model)
        for path in (FIRST, SECOND):
            assert int(output.records[path].counts_E.sum()) == 2 * 36


def test_the_next_best_takes_the_place_and_weights_are_made_anew() -> None:
    model = model_of(design())
    before = run(model).records[FIRST]
    with overrides(model, {FIRST: Override(suppress=(int(before.selected_TK[0, 0]),))}):
        after = run(model).records[FIRST]
    order_E = before.probability_TE[0].argsort(descending=True)
    assert after.selected_TK[0].tolist() == order_E[1:3].tolist()
    p_K = before.probability_TE[0, order_E[1:3]]
    torch.testing.assert_close(after.weight_TK[0], p_K / p_K.sum())
    assert torch.equal(after.probability_TE, before.probability_TE)


def test_too_few_left_reduces_k_and_says_so() -> None:
    model = model_of(design())
    with overrides(model, {FIRST: Override(suppress=(0, 1, 2, 3, 4))}) as notes:
        record = run(model).records[FIRST]
    assert notes == ("Layer decoder.0.1 has 1 of its 6 experts left, so a token gets 1 at most.",)
    assert record.selected_TK.unique().tolist() == [5]
    torch.testing.assert_close(record.weight_TK.sum(1), torch.ones(36))
    with overrides(model, {FIRST: Override(suppress=(0, 1, 2, 3))}) as notes:
        assert notes == ()
    with overrides(model, {FIRST: Override(suppress=(0, 1, 2, 3, 4, 5))}) as notes:
        output = run(model)
    assert "0 of its 6 experts left" in notes[0]
    assert (picks(output, FIRST) == -1).all()
    assert torch.isfinite(output.logits["next"]).all()


def test_a_bias_shifts_the_logits() -> None:
    model = model_of(design())
    before = run(model).records[FIRST]
    with overrides(model, {FIRST: Override(bias={4: 1.5})}):
        after = run(model).records[FIRST]
    wanted_TE = torch.softmax(before.probability_TE.log() + 1.5 * (torch.arange(6) == 4), 1)
    torch.testing.assert_close(after.probability_TE, wanted_TE)


def test_other_ways_to_pick() -> None:
    model = model_of(design())
    before = run(model).records[FIRST]
    order_TE = before.probability_TE.argsort(dim=1, descending=True, stable=True)

    def found(**pick: Any) -> Tensor:
        with overrides(model, {FIRST: Override.model_validate({"pick": pick})}):
            return picks(run(model), FIRST)

    assert torch.equal(found(kind="top_k", k=3), order_TE[:, :3])
    assert torch.equal(found(kind="top_k", k=99), order_TE)
    for r in (1, 2, 6):
        assert torch.equal(found(kind="rank", r=r), order_TE[:, r - 1 : r])
    assert torch.equal(found(kind="given", experts=[4, 1]), torch.tensor([[4, 1]]).expand(36, 2))
    assert (found(kind="top_p", p=1.0) >= 0).all()
    half = found(kind="top_p", p=0.5)
    mass = (before.probability_TE.gather(1, half.clamp_min(0)) * (half >= 0)).sum(1)
    assert (mass >= 0.5 - 1e-6).all()
    last = before.probability_TE.gather(1, half.clamp_min(0)).masked_fill(half < 0, 2).amin(1)
    assert (mass - last < 0.5).all()
    drawn = found(kind="random", k=2)
    assert torch.equal(drawn, found(kind="random", k=2))
    assert not torch.equal(drawn, found(kind="random", k=2, seed=1))
    assert (drawn[:, 0] != drawn[:, 1]).all()
    assert set(drawn.unique().tolist()) == set(range(6))
    rank_one = model_of(design(k=1, weigh="raw"))
    with overrides(rank_one, {FIRST: Override.model_validate({"pick": {"kind": "rank", "r": 1}})}):
        one = run(rank_one)
    assert same(one, run(rank_one))


def test_prompt_and_generated_tokens_can_be_told_apart() -> None:
    model = model_of(design())
    decode = torch.zeros(3, 12, dtype=torch.bool)
    decode[:, 7:] = True
    before = picks(run(model, decode=decode), FIRST).view(3, 12, 2)
    busy = int(before.flatten().bincount().argmax())
    for scope, changed in (("decode", decode), ("prefill", ~decode), ("all", decode | ~decode)):
        with overrides(model, {FIRST: Override(suppress=(busy,), scope=scope)}):
            after = picks(run(model, decode=decode), FIRST).view(3, 12, 2)
        assert not (after[changed] == busy).any()
        assert torch.equal(after[~changed], before[~changed])
    assert (before[decode] == busy).any()
    assert (before[~decode] == busy).any()
    with overrides(model, {FIRST: Override(suppress=(busy,), scope="prefill")}):
        all_given = picks(run(model), FIRST)
    assert not (all_given == busy).any()
    for spec in (Override(bias={busy: 9.0}, scope="decode"), Override(force=(0,), scope="decode")):
        with overrides(model, {FIRST: spec}):
            record = run(model, decode=decode).records[FIRST]
        assert torch.equal(record.selected_TK.view(3, 12, 2)[~decode], before[~decode])


def test_an_expert_can_be_given_to_single_tokens() -> None:
    model = model_of(design())
    before = picks(run(model), FIRST)
    given_T = torch.full((36,), -1)
    given_T[5] = 3
    with overrides(model, {}, {FIRST: given_T}):
        after = run(model).records[FIRST]
    assert after.selected_TK[5].tolist() == [3, -1]
    assert after.weight_TK[5].tolist() == [1.0, 0.0]
    others = torch.arange(36) != 5
    assert torch.equal(after.selected_TK[others], before[others])


def test_a_hash_layer_gives_its_tokens_whole_to_a_forced_expert() -> None:
    """A table scores no other expert than the one it names."""
    model, inputs, given, path = method_case(next(m for m in methods() if m.name == "hash"))
    for spec in (Override(force=(1,)), Override.model_validate({"pick": {"kind": "given", "experts": [1]}})):
        with overrides(model, {path: spec}):
            record = run(model, inputs, **given).records[path]
        assert (record.selected_TK == 1).all()
        assert (record.weight_TK == 1).all()
    with overrides(model, {path: Override(suppress=(1,))}):
        record = run(model, inputs, **given).records[path]
    named = picks(run(model, inputs, **given), path)
    assert torch.equal(record.selected_TK, named.masked_fill(named == 1, -1))


def test_forced_experts_replace_the_lowest_ranked() -> None:
    selected = torch.tensor([[4, 2, 0], [1, 4, 2], [3, 1, 0], [5, -1, -1], [-1, -1, -1], [1, 3, 5]])
    wanted = [[4, 1, 3], [1, 4, 3], [3, 1, 0], [1, 3, -1], [1, 3, -1], [1, 3, 5]]
    assert forced(selected, (1, 3), 3).tolist() == wanted
    assert forced(torch.tensor([[2], [-1]]), (4,), 1).tolist() == [[4], [4]]


def test_a_capacity_may_be_lifted() -> None:
    model = model_of(design(capacity={"train": 1.0, "eval": 0.4}))
    assert run(model).records[FIRST].counts_E.sum() < 72
    with overrides(model, {FIRST: Override(drops=False)}):
        assert run(model).records[FIRST].counts_E.sum() == 72


def test_what_cannot_be_done_is_refused_in_words() -> None:
    model = model_of(design())

    def refused(match: str, path: str = FIRST, **spec: Any) -> None:
        before = run(model)
        wanted = {SECOND: Override(suppress=(0,)), path: Override.model_validate(spec)}
        with pytest.raises(OverrideError, match=match), overrides(model, wanted):
            raise AssertionError
        assert same(run(model), before)

    refused(
        r"no routed layer 'decoder.0.0'. To fix this, name one of: decoder.0.1, decoder.1.1",
        "decoder.0.0",
        suppress=(1,),
    )
    refused(r"has experts 0 to 5, and the override names 6. To fix this", suppress=(6,))
    refused(
        r"has experts 0 to 5, and the override names 9. To fix this", pick={"kind": "given", "experts": [9]}
    )
    refused(r"3 experts are switched on .* and a token gets 2. To fix this", force=(0, 1, 2))
    refused(r"rank 7 is asked for. To fix this, use 1 to 6", pick={"kind": "rank", "r": 7})
    model.train()
    with pytest.raises(OverrideError, match="put it into eval mode"), overrides(model, {}):
        raise AssertionError
    for bad, match in (
        ({"suppress": [1, 1]}, "suppress names an expert twice"),
        ({"suppress": [1], "force": [1]}, "expert 1 is both switched off and switched on"),
        ({"bias": {"1": float("inf")}}, "finite"),
        ({"bias": {"1": 1e38}}, "less than or equal to 1000000"),
    ):
        with pytest.raises(ValidationError, match=match):
            Override.model_validate(bad)
    smear = model_of(with_method(next(m for m in methods() if m.name == "smear")))
    path = next(
        o.path
        for o in smear.design.occurrences()
        if o.body.kind == "moe" and not o.body.router.combine.selects
    )
    with (
        pytest.raises(OverrideError, match="mixes every token into every expert"),
        overrides(smear, {path: Override(suppress=(0,))}),
    ):
        raise AssertionError


def test_no_more_experts_are_switched_on_than_the_weights_let_count():
    model = model_of(design(weigh="straight_through"))
    too_many = {FIRST: Override(force=(0, 1))}
    with pytest.raises(OverrideError, match=r"and a token gets 1"), overrides(model, too_many):
        pass
    with overrides(model, {FIRST: Override(force=(4,))}):
        assert (picks(run(model), FIRST) == 4).any(dim=1).all()
