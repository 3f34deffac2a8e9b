"""Noise and temperature: when they act, how large they are, and that a replay gives the same."""

import pytest
import torch

from core.model.passing import Pass
from tests.support import close, moe_layer, routed

X = torch.randn(40, 50, 8, generator=torch.Generator().manual_seed(5))
NOISY = [{"kind": "jitter", "epsilon": 0.2}, {"kind": "logit_noise", "sigma": 2.0}]


def probabilities(passing: Pass, training: bool = True, **fields: object) -> torch.Tensor:
    layer = moe_layer(**fields).train(training)
    return routed(layer, X, passing)[1].record.probability_TE


@pytest.mark.parametrize("modifier", NOISY, ids=["jitter", "logit_noise"])
def test_noise_is_a_function_of_seed_step_and_pass(modifier: dict[str, object]) -> None:
    layer = moe_layer(modifiers=[modifier])

    def at(**where: int) -> torch.Tensor:
        return routed(layer, X, Pass(record="full", **where))[1].record.probability_TE

    here = at(seed=1, step=2, pass_index=0)
    state = torch.random.get_rng_state()
    assert torch.equal(at(seed=1, step=2, pass_index=0), here)
    assert torch.equal(torch.random.get_rng_state(), state)
    for other in ({"seed": 2, "step": 2}, {"seed": 1, "step": 3}, {"seed": 1, "step": 2, "pass_index": 1}):
        assert not torch.equal(at(**other), here)


@pytest.mark.parametrize("modifier", NOISY, ids=["jitter", "logit_noise"])
def test_noise_stops_at_evaluation(modifier: dict[str, object]) -> None:
    still = probabilities(Pass(record="full"), training=False, modifiers=[modifier])
    assert torch.equal(still, probabilities(Pass(record="full")))


def test_logit_noise_has_deviation_sigma_over_experts() -> None:
    clean, noisy = (
        probabilities(Pass(record="full"), modifiers=m).log()
        for m in ([], [{"kind": "logit_noise", "sigma": 2.0}])
    )
    # Log-probabilities are logits up to a constant a token: differences to one expert have variance 2 s^2.
    difference = (noisy - clean)[:, 1:] - (noisy - clean)[:, :1]
    assert float(difference.std()) == pytest.approx(2**0.5 * 2.0 / 4, rel=0.03)


def test_temperature_divides_logits_and_follows_its_schedule() -> None:
    schedule = {"kind": "linear", "start": 2.0, "end": 0.5}
    layer = moe_layer()
    logits = X.flatten(0, 1) @ layer.router.score.weight.t()
    for progress, value in ((0.0, 2.0), (0.5, 1.25), (1.0, 0.5)):
        found = probabilities(
            Pass(progress=progress, record="full"), modifiers=[{"kind": "temperature", "value": schedule}]
        )
        assert close(found, torch.softmax(logits / value, 1))


def test_temperature_acts_after_noise_wherever_it_is_listed() -> None:
    noise, temperature = {"kind": "logit_noise"}, {"kind": "temperature", "value": 0.5}
    one, other = (
        probabilities(Pass(record="full"), modifiers=order)
        for order in ([noise, temperature], [temperature, noise])
    )
    assert torch.equal(one, other)


def test_k_follows_its_schedule_rounded() -> None:
    layer = moe_layer(
        select={"kind": "top_k", "k": {"kind": "linear", "start": 4, "end": 1}}, weigh={"kind": "raw"}
    )
    for progress, k in ((0.0, 4), (0.4, 3), (0.5, 2), (1.0, 1)):
        assert routed(layer, X, Pass(progress=progress, record="full"))[1].record.expert_TK.shape[1] == k


def test_ties_go_to_the_lower_expert() -> None:
    layer = moe_layer()
    torch.nn.init.zeros_(layer.router.score.weight)
    assert (routed(layer, X)[1].record.expert_TK == torch.tensor([0, 1])).all()


def test_the_router_stays_in_float32_under_autocast() -> None:
    layer = moe_layer()
    wanted = routed(layer, X)[1].record
    with torch.autocast("cpu", torch.bfloat16):
        found = routed(layer, X)[1].record
    assert found.probability_TE.dtype == torch.float32
    assert torch.equal(found.probability_TE, wanted.probability_TE)
