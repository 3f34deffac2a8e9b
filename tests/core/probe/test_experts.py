"""Experts as arrays."""

import numpy as np
import torch

from core.analysis.geometry import geometry
from core.analysis.similarity import by_cka, by_output, by_weights
from core.probe.parts import moe_layers
from core.probe.subject import ask
from tests.core.probe.subjects import subject
from tests.core.probe.test_inspect import plain

PATH = "decoder.1.1"


def test_a_permuted_copy_is_the_same_expert() -> None:
    of = subject(plain())
    group = moe_layers(of.model)[PATH].experts.members()[0]
    into, down, _, _ = group.tensors()
    order = torch.tensor([2, 0, 3, 1])
    into[4] = into[1].view(2, 4, 8)[:, order].reshape(8, 8)
    down[4] = down[1][:, order]
    found = ask(of, "experts", {"tokens": 40})
    assert found.path == PATH
    assert [neurons.shape for neurons in found.neurons_E] == [(4, 24)] * 6
    assert found.output_END.shape == (6, 40, 8)
    for measure in (by_weights(found.neurons_E), by_output(found.output_END), by_cka(found.output_END)):
        assert measure.value_EE[1, 4] == np.float64(1) or abs(measure.value_EE[1, 4] - 1) < 1e-5
        assert measure.value_EE[1, 2] < 0.999
    assert found.load_E.sum() == 2 * 2 * 8 * 8  # k, domains, examples, tokens
    np.testing.assert_array_equal(found.router_ED, moe_layers(of.model)[PATH].router.score.weight)
    assert geometry(found.router_ED, found.load_E).norm_E.shape == (6,)


def test_outputs_are_those_of_the_experts_alone() -> None:
    of = subject(plain())
    found = ask(of, "experts", {"path": "decoder.0.1", "tokens": 99, "examples": 1})
    assert found.output_END.shape == (6, 16, 8)  # all there are
    layer = moe_layers(of.model)["decoder.0.1"]
    kept = []
    handle = layer.register_forward_pre_hook(lambda _module, given: kept.append(given[0]))
    ids = np.concatenate([of.held_out(name, 1).inputs for name in ("vowels", "digits")])
    with torch.no_grad():
        of.model(torch.from_numpy(ids))
    handle.remove()
    wanted = layer.experts.members()[0].rows(kept[0].flatten(0, 1), 3)
    np.testing.assert_allclose(found.output_END[3], wanted, atol=1e-5)
