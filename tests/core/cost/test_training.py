"""Memory of an optimizer step: published peaks, groups of copies, what recomputation and stages change."""

from dataclasses import replace

import pytest

from core.cost.calibration.designs import design
from core.cost.count import count
from core.cost.formats import number_format, widths
from core.cost.held import held
from core.cost.optimizers import OPTIMIZERS
from core.cost.scenario import Parallel, Scenario, Training
from core.cost.training import training
from core.design.presets.registry import preset

PROXY = count(design("deepseek-v2-4-layers"), training=True)
MIXTRAL = count(preset("mixtral-8x7b"), training=True)
GIB = 2**30


def step(batch, plan, how, context=4096, weights="bf16"):
    return Scenario("train", batch, context, widths(weights), "bf16", plan, how)


def rows(counts, load):
    return {name: figure.value for name, figure in training(counts, load).held}


@pytest.mark.parametrize("micro_batches", [4, 8, 32])
@pytest.mark.parametrize(
    ("plan", "peak"),
    # Largest torch.cuda.max_memory_allocated of all ranks: MooreThreads/SimuMax, B200, Megatron-LM 23e00ed0.
    [(Parallel(ep=8, dp=8), 45.63), (Parallel(ep=4, pp=2, dp=4), 44.70)],
)
def test_published_peaks_within_a_twentieth(plan, peak, micro_batches):
    load = step(plan.dp * micro_batches, plan, Training(micro_batch=1))
    assert load.micro_batches == micro_batches
    assert training(PROXY, load).peak.value / GIB == pytest.approx(peak, rel=0.05)


def test_the_last_stage_holds_the_logits_and_the_first_most_micro_batches():
    load = step(64, Parallel(pp=4, dp=1), Training(micro_batch=1))
    found = training(MIXTRAL, load)
    assert found.stage == 0
    assert [name for name, _ in found.timeline] == ["between steps", "activations, in the backward"]
    alone = training(MIXTRAL, step(1, Parallel(), Training(micro_batch=1)))
    assert "activations and logits" in [name for name, _ in alone.timeline]
    fewer = training(MIXTRAL, step(2, Parallel(pp=4, dp=1), Training(micro_batch=1)))
    assert fewer.peak.value < found.peak.value


def test_experts_are_shared_by_a_smaller_group_than_the_rest():
    plan = Parallel(ep=8, dp=16)
    load = step(16, plan, Training(micro_batch=1))
    experts, rest = MIXTRAL.routed, MIXTRAL.total - MIXTRAL.routed
    assert (plan.expert_tp, plan.expert_dp) == (1, 2)
    found = rows(MIXTRAL, load)
    assert found["weights"] == 2 * (rest + experts / 8)
    assert found["gradients"] == 4 * (rest + experts / 8)
    assert found["optimizer"] == 12 * (rest / 16 + experts / 8 / 2)


@pytest.mark.parametrize("zero", range(4))
def test_each_stage_of_zero_cuts_one_more(zero):
    plan = Parallel(ep=8, dp=8)
    found = rows(MIXTRAL, step(8, plan, Training(1, zero)))
    rest, experts = MIXTRAL.total - MIXTRAL.routed, MIXTRAL.routed / 8
    for needs, name, each in ((1, "optimizer", 12), (2, "gradients", 4), (3, "weights", 2)):
        assert found[name] == each * (rest / (8 if zero >= needs else 1) + experts)
    assert ("gathered weights" in found) == (zero == 3)


def test_more_recomputation_never_needs_more():
    plan = Parallel(ep=8, dp=8)
    peaks = [
        training(PROXY, step(8, plan, Training(1, recompute=how))).peak.value
        for how in ("none", "selective", "full")
    ]
    assert peaks == sorted(peaks, reverse=True)
    assert len(set(peaks)) == 3


def test_optimizers_keep_what_they_say():
    for name, keeps in OPTIMIZERS.items():
        found = rows(MIXTRAL, step(1, Parallel(), Training(optimizer=name)))
        least, most = sorted((keeps.matrix, keeps.other))
        assert (4 + least) * MIXTRAL.total <= found["optimizer"] <= (4 + most) * MIXTRAL.total


def test_gradients_are_single_precision_only_where_they_add_up():
    once = step(1, Parallel(), Training(micro_batch=1))
    assert rows(MIXTRAL, once)["gradients"] == 2 * MIXTRAL.total
    for again in (replace(once, batch=2), replace(once, batch=2, parallel=Parallel(dp=2))):
        assert rows(MIXTRAL, again)["gradients"] == 4 * MIXTRAL.total


def test_eight_bit_products_have_copies_beside_sixteen_bit_weights():
    plain, narrow = (rows(MIXTRAL, step(8, Parallel(dp=8), Training(1), weights=w)) for w in ("bf16", "fp8"))
    assert plain["weights"] == narrow["weights"]
    inside = sum(size for role, size in MIXTRAL.by_role if role in ("mixer", "expert"))
    assert narrow["narrow copies"] == 2 * inside


@pytest.mark.parametrize("name", ["int8", "int4", "q8_0", "q4_0", "q4_k_m", "nvfp4", "mxfp4"])
def test_every_format_trains_beside_the_weights_that_gradients_are_added_to(name):
    plain, narrow = (rows(MIXTRAL, step(8, Parallel(dp=8), Training(1), weights=w)) for w in ("bf16", name))
    assert {row: narrow[row] for row in plain} == plain
    form = number_format(name)
    roles = ("expert",) if name == "mxfp4" else ("mixer", "expert")
    inside = sum(size for role, size in MIXTRAL.by_role if role in roles)
    assert narrow["narrow copies"] == pytest.approx(2 * inside * form.width / 8)


def test_copies_follow_widths_of_roles():
    mixed = widths({"default": "fp32", "expert": "fp8"})
    asked = replace(step(8, Parallel(dp=8), Training(1)), weights=mixed)
    found = rows(MIXTRAL, asked)
    assert found["weights"] == 4 * MIXTRAL.total
    assert found["narrow copies"] == 2 * dict(MIXTRAL.by_role)["expert"]


def test_routed_activations_by_hand():
    """Router, dispatched input, gate, up, product and output of each expert; shared experts beside."""
    (bank,) = {part.weights: part for part in PROXY.parts if part.groups}.values()
    found = held(bank, 5120, Parallel(), 4096, training=True)
    assert found.rows == 6 * 2 * 5120
    assert found.hidden == 6 * 3 * 1536
    assert found.inner == 3 * 3072
    assert found.stream == 2 * 5120
    assert found.single == 2 * 160
    assert found.cheap == 5120 + 6 * 1536 + 3072


def test_tensor_parallel_cuts_matrices_and_leaves_norms_whole():
    one, two = (rows(MIXTRAL, step(1, Parallel(tp=tp), Training(micro_batch=1))) for tp in (1, 2))
    whole = sum(size for role, size in MIXTRAL.by_role if role in ("norm", "router"))
    assert two["weights"] == (one["weights"] - 2 * whole) / 2 + 2 * whole
