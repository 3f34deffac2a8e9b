"""Losses of held-out tokens under every expert, ready for the analysis."""

import numpy as np
import pytest

from core.analysis.expertise import expertise
from core.analysis.routers import FIXED, RANDOM, compare, hashed
from core.data.load import load
from core.design.presets.methods import method, with_method
from core.design.presets.pieces import attention, decoder, glu, language, layer, moe, repeat, router
from core.design.presets.registry import preset
from core.design.spec import Design
from core.probe.answers import KINDS
from core.probe.errors import ProbeError
from core.probe.subject import ask
from core.probe.wire import pack, unpack
from tests.core.probe.subjects import subject
from tests.core.probe.test_inspect import plain


def test_the_last_layer_is_measured_whole_and_others_by_samples() -> None:
    of = subject(plain())
    whole = ask(of, "expertise", {"examples": 3})
    assert (whole.path, whole.exact_at_once, whole.loss_NE.shape) == ("decoder.1.1", True, (48, 6))
    assert whole.sequence_N.tolist() == np.repeat(np.arange(6), 8).tolist()
    assert whole.domain_N.tolist() == [0] * 24 + [1] * 24
    inspected = ask(of, "inspect", {"text": bytes(whole.token_N[:8].tolist()).decode()})
    assert whole.chosen_N[:8].tolist() == inspected.layer("decoder.1.1").expert_TK[:, 0].tolist()
    np.testing.assert_allclose(whole.actual_N[:7], inspected.nll_T[:7], atol=1e-5)
    sample = ask(of, "expertise", {"path": "decoder.0.1", "examples": 3, "tokens": 10})
    assert (sample.exact_at_once, sample.loss_NE.shape) == (False, (10, 6))
    assert sorted(sample.domain_N.tolist()) == [0] * 5 + [1] * 5
    again = unpack(pack(sample), KINDS)
    np.testing.assert_array_equal(again.loss_NE, sample.loss_NE)


def test_analyses_take_it_as_it_is() -> None:
    found = ask(subject(plain()), "expertise", {"examples": 3})
    hash_N = hashed(found.token_N, 6)
    routers = compare(found.loss_NE, found.chosen_N, found.sequence_N, {"hash": hash_N})
    assert routers.names == ("this router", RANDOM, FIXED, "hash")
    assert (routers.regret_R[:, 0] >= 0).all()
    assert expertise(found.loss_NE, found.chosen_N, found.sequence_N).verdict


def test_images_have_one_loss_for_all_their_tokens() -> None:
    of = subject(preset("digits-vit"))
    of.data = lambda: load("digits", of.folder)
    name = of.dataset.facts.domains[0]
    found = ask(of, "expertise", {"domains": [name], "examples": 2, "tokens": 6})
    assert not found.exact_at_once
    assert found.loss_NE.shape == (6, 8)
    assert (found.token_N == -1).all()
    assert (found.position_N < 16).all()


def test_a_layer_that_is_not_there() -> None:
    with pytest.raises(
        ProbeError, match=r"no layer 'decoder.0.0' that selects experts. To fix this, name one of"
    ):
        ask(subject(plain()), "expertise", {"path": "decoder.0.0"})


def test_a_router_that_looks_at_a_whole_batch_has_no_loss_of_one_token_alone() -> None:
    of = subject(with_method(method("expert-choice")))
    of.data = lambda: load("digits", of.folder)
    with pytest.raises(ProbeError, match=r"decides over a whole batch.*To fix this"):
        ask(of, "expertise", {"examples": 2})


@pytest.mark.parametrize(
    ("experts", "k"), [(3, 3), (1, 1), (3, {"kind": "linear", "start": 1, "end": 3})], ids=str
)
def test_a_router_that_sends_every_token_everywhere_makes_no_choice(
    monkeypatch: pytest.MonkeyPatch, experts: int, k: int | dict[str, object]
) -> None:
    """Told before anything is measured, also where only the step says that all are picked."""
    for way in ("losses_at_once", "losses_one_by_one"):
        monkeypatch.setattr(f"core.probe.expertise.{way}", None)
    bank = moe([glu(4, experts)], router(1, weigh="raw") | {"select": {"kind": "top_k", "k": k}})
    said = "sends every token to all 3 of its experts" if experts > 1 else "has one expert"
    of = subject(
        Design.model_validate(
            {"width": 8, "task": language(8), "stacks": decoder(repeat(2, layer(attention(2), bank)))}
        )
    )
    for path in ("decoder.1.1", "decoder.0.1"):
        with pytest.raises(ProbeError, match=rf"Layer {path} {said}.*To fix this"):
            ask(of, "expertise", {"path": path, "examples": 2, "tokens": 4})


def test_a_router_of_whole_tasks_has_no_loss_of_one_token_alone() -> None:
    """The fix fits the question: there is no scope to choose here."""
    of = subject(with_method(method("task-level")))
    with pytest.raises(ProbeError, match=r"for a whole task at once.*To fix this, choose a layer or a run"):
        ask(of, "expertise", {"examples": 2})
