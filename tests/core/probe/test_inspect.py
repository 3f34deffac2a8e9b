"""The inspector says what the model does."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from core.design.presets.pieces import attention, decoder, glu, language, layer, moe, repeat, router
from core.design.presets.registry import preset
from core.design.spec import Design
from core.model.passing import Pass
from core.probe.answers import LayerView
from core.probe.errors import ProbeError
from core.probe.parts import contributions, watched
from core.probe.subject import ask
from tests.core.probe.subjects import subject

TEXT = "aeiou123"


def plain(**route: object) -> Design:
    """Two layers of six experts, top-2, without noise or capacity."""
    bank = moe([glu(4, 6)], router(2, **route), shared=[glu(4)])
    return Design.model_validate(
        {"width": 8, "task": language(8), "stacks": decoder(repeat(2, layer(attention(2), bank)))}
    )


def test_it_says_what_the_model_did() -> None:
    of = subject(plain())
    found = ask(of, "inspect", {"text": TEXT})
    ids_BS = torch.tensor([list(TEXT.encode())])
    with torch.no_grad():
        output = of.model(ids_BS, Pass(step=12, record="full"))
    assert bytes(found.token_T.tolist()).decode() == TEXT
    assert found.together == ()
    for path, record in output.records.items():
        view = found.layer(path)
        np.testing.assert_array_equal(view.expert_TK, record.selected_TK)
        np.testing.assert_allclose(view.weight_TK, record.weight_TK, atol=1e-6)
        np.testing.assert_allclose(view.probability_TE.sum(1), 1, atol=1e-6)
        np.testing.assert_allclose(view.margin_T, record.margin_T, atol=1e-6)
    logits_TV = output.logits["next"][0]
    wanted = F.cross_entropy(logits_TV[:-1], ids_BS[0, 1:], reduction="none")
    np.testing.assert_allclose(found.nll_T[:-1], wanted, atol=1e-5)
    assert np.isnan(found.nll_T[-1])
    np.testing.assert_array_equal(found.guess_TN[:, 0], logits_TV.argmax(1))
    assert (np.diff(found.guess_probability_TN, axis=1) <= 0).all()


def test_contributions_add_up_to_what_the_experts_gave() -> None:
    for combine in ({"kind": "output_mix"}, {"kind": "output_mix", "weigh_on": "input"}):
        of = subject(plain(combine=combine))
        with watched(of.model) as seen, torch.no_grad():
            of.model(torch.tensor([list(TEXT.encode())]))
        for one in seen.values():
            y_TKD = contributions(one, combine.get("weigh_on") == "input")
            torch.testing.assert_close(y_TKD.sum(1), one.y_TD)
        assert not any(module._forward_hooks for module in of.model.modules())


def test_the_lens_reads_a_contribution_as_the_whole_stream() -> None:
    of = subject(plain())
    view = ask(of, "inspect", {"text": TEXT}).layers[1]
    with watched(of.model) as seen, torch.no_grad():
        of.model(torch.tensor([list(TEXT.encode())]))
        y_TKD = contributions(seen["decoder.1.1"], False)
        logits_TKV = of.model.ends.read(of.model.final_norm(y_TKD), None)["next"]
    np.testing.assert_allclose(view.contribution_TK, y_TKD.norm(dim=2), atol=1e-6)
    np.testing.assert_array_equal(view.lens_TKN[..., 0], logits_TKV.argmax(2))
    np.testing.assert_allclose(view.lens_logit_TKN[..., 0], logits_TKV.amax(2), atol=1e-5)


def test_drops_are_said() -> None:
    """A capacity of a sixth: most choices find no room."""
    of = subject(plain(capacity={"train": 1.0, "eval": 0.5}))
    found = ask(of, "inspect", {"text": TEXT})
    view: LayerView = found.layers[0]
    assert found.together == ("decoder.0.1", "decoder.1.1")
    dropped = (view.expert_TK >= 0) & ~view.accepted_TK
    assert dropped.any()
    assert (view.weight_TK[dropped] == 0).all()
    assert (view.contribution_TK[dropped] == 0).all()
    assert (view.lens_TKN[dropped] == -1).all()


def test_a_longer_text_is_read_in_windows() -> None:
    of = subject(plain())
    short, long = (ask(of, "inspect", {"text": text}) for text in (TEXT, TEXT + "xyzzy" * 5))
    assert len(long.token_T) == 33
    assert long.position_T.max() == 7
    assert (long.position_T[8:] >= 4).all()
    for one, other in zip(short.layers, long.layers, strict=True):
        np.testing.assert_array_equal(one.expert_TK, other.expert_TK[:8])


def test_a_run_of_other_data_says_so() -> None:
    with pytest.raises(ProbeError, match="image classifier inputs, and this question needs text"):
        ask(subject(preset("digits-vit")), "inspect", {"text": TEXT})


def test_questions_that_cannot_be_asked() -> None:
    of = subject()
    with pytest.raises(ProbeError, match=r"no question 'inspekt'. Did you mean 'inspect'"):
        ask(of, "inspekt", {})
    with pytest.raises(ProbeError, match=r"'inspect' cannot be asked so: text"):
        ask(of, "inspect", {"text": 5})
    with pytest.raises(ProbeError, match=r"knows no domain 'x'. To fix this, name one of: vowels, digits"):
        ask(of, "inspect", {"text": TEXT, "domain": "x"})
    assert ask(of, "inspect", {"text": TEXT, "domain": "digits"}).layers
