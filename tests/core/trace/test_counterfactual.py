"""The loss under another expert, against a model whose layer output is replaced by hand."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from core.design.presets.pieces import attention, decoder, dense, glu, language, layer, moe, repeat, router
from core.design.presets.registry import preset
from core.design.spec import Design
from core.model.build import build
from core.model.model import Model
from core.trace.counterfactual import Case, losses_at_once, losses_one_by_one, mixing_above
from core.trace.override import OverrideError

FIRST, LAST = "decoder.0.1", "decoder.1.1"
B, S, E = 3, 8, 5
IDS = torch.randint(0, 256, (B, S + 1), generator=torch.Generator().manual_seed(5))


def design(**route: object) -> Design:
    """Two layers; what is said of the router holds for the second."""
    banks = (moe([glu(4, E)], {**router(2), **more}, shared=[glu(4)]) for more in ({}, route))
    layers = (repeat(1, layer(attention(2), bank)) for bank in banks)
    return Design.model_validate({"width": 8, "task": language(S), "stacks": decoder(*layers)})


def loss(model: Model, row_R: Tensor) -> Tensor:
    logits = model(IDS[row_R, :-1]).logits["next"]
    return F.cross_entropy(logits.flatten(0, 1), IDS[row_R, 1:].flatten(), reduction="none").view(-1, S)


def case(design: Design, path: str) -> Case:
    model = build(design, seed=2).eval().requires_grad_(False)
    return Case(model, path, (B, S), lambda row_R: loss(model, row_R))


def by_hand(of: Case, row: int, at: int, expert: int) -> float:
    """One example, one token of which gets the whole output of one expert instead of the layer's mixture."""
    part = dict(of.model.parts())[of.path].body

    def instead(_module: object, given: tuple, y_TD: Tensor) -> Tensor:
        group, x_TD = part.experts.members()[0], given[1].x_TD
        y_TD = y_TD.clone()
        y_TD[at] = group.rows(x_TD[at : at + 1], expert)[0]
        return y_TD

    handle = part.combine.register_forward_hook(instead)
    try:
        return float(loss(of.model, torch.tensor([row]))[0, at])
    finally:
        handle.remove()


@pytest.mark.parametrize("path", [FIRST, LAST])
def test_one_by_one_is_what_replacing_the_output_by_hand_gives(path: str) -> None:
    of = case(design(), path)
    token_N = torch.tensor([0, 5, 8, 15, 23])
    found_NE = losses_one_by_one(of, token_N)
    for n, token in enumerate(token_N.tolist()):
        for expert in range(E):
            wanted = by_hand(of, token // S, token % S, expert)
            assert float(found_NE[n, expert]) == pytest.approx(wanted, abs=1e-5)


def test_at_once_is_one_by_one_in_the_last_layer_and_refused_elsewhere() -> None:
    of = case(design(), LAST)
    all_T = torch.arange(B * S)
    torch.testing.assert_close(losses_at_once(of), losses_one_by_one(of, all_T), atol=1e-5, rtol=0)
    first = case(design(), FIRST)
    with pytest.raises(OverrideError, match=r"attention \(decoder.1.0\) mixes tokens.*To fix this, measure"):
        losses_at_once(first)
    # Everyone to one expert is not the counterfactual of one token: it changes what the others say.
    everywhere = torch.stack(
        [first.loss(torch.arange(B), torch.full((B, S), e)).flatten() for e in range(E)], 1
    )
    assert (everywhere - losses_one_by_one(first, all_T)).abs().max() > 1e-3


def test_a_token_sent_where_it_goes_anyway_keeps_its_loss() -> None:
    of = case(design(select={"kind": "top_k", "k": 1}, weigh={"kind": "raw"}), LAST)
    with torch.no_grad():
        part = dict(of.model.parts())[LAST].body
        chosen: list[Tensor] = []
        handle = part.combine.register_forward_hook(lambda _m, given, _y: chosen.append(given[0].selected_TK))
        actual_T = loss(of.model, torch.arange(B)).flatten()
        handle.remove()
    own_T = losses_at_once(of)[torch.arange(B * S), chosen[0][:, 0]]
    torch.testing.assert_close(own_T, actual_T)


def test_a_capacity_drops_no_token_that_is_sent_somewhere() -> None:
    tight = case(design(capacity={"train": 1.0, "eval": 0.2}), LAST)
    loose = case(design(), LAST)
    torch.testing.assert_close(losses_at_once(tight), losses_at_once(loose))


def test_no_copy_of_an_example_takes_the_place_of_another_in_any_layer() -> None:
    bank = moe([glu(4, E)], router(2, capacity={"train": 1.0, "eval": 0.3}))
    tight = Design.model_validate(
        {"width": 8, "task": language(S), "stacks": decoder(repeat(2, layer(attention(2), bank)))}
    )
    for path in (FIRST, LAST):
        of = case(tight, path)
        both_NE = losses_one_by_one(of, torch.tensor([5, 15]))
        torch.testing.assert_close(both_NE[:1], losses_one_by_one(of, torch.tensor([5])))
    torch.testing.assert_close(losses_at_once(of)[15], both_NE[1], atol=1e-5, rtol=0)


def test_what_mixes_above_is_named() -> None:
    plain = design()
    assert mixing_above(plain, LAST) is None
    bank = moe([glu(4, E)], router(2))
    after = {
        "width": 8,
        "task": language(S),
        "stacks": decoder(repeat(1, layer(attention(2), bank, dense(glu(4))))),
    }
    assert mixing_above(Design.model_validate(after), FIRST) is None
    limited = design(capacity={"train": 1.0})
    assert mixing_above(limited, LAST) is None
    two = moe([glu(4, E)], router(2, capacity={"train": 1.0}))
    after["stacks"] = decoder(repeat(1, layer(attention(2), bank, two)))
    assert mixing_above(Design.model_validate(after), FIRST) == (
        "a router that decides for several tokens at once (decoder.0.2)"
    )
    images = preset("digits-vit")
    last = [o.path for o in images.occurrences()][-1]
    assert mixing_above(images, last) == "the mean over an example"
    table = preset("tabular")
    assert mixing_above(table, next(o.path for o in table.occurrences())) is None
