"""Counts of published designs, to the unit; and invariants of counting."""

import pytest

from core.cost.count import count
from core.cost.flops import flops
from core.design.presets.registry import preset
from core.design.spec import Design, Embedding

# Total, active by R1, R2, R3: counted on the released models' own classes.
PUBLISHED = {
    "mixtral-8x7b": (46_702_792_704, 12_879_925_248, 12_748_853_248, 12_617_781_248),
    "deepseek-v3": (671_026_404_352, 37_552_282_624, 36_625_603_584, 35_698_924_544),
    "qwen3-next-80b-a3b": (79_674_391_296, 3_874_929_408, 3_563_764_480, 3_252_599_552),
    "gpt-oss-120b": (116_829_156_672, 5_711_982_912, 5_132_849_472, 4_553_716_032),
    "llama-4-scout": (107_769_861_120, 17_172_894_720, 16_138_408_960, 15_103_923_200),
    "jamba-v0.1": (51_570_323_328, 12_110_311_296, 11_841_875_840, 11_573_440_384),
    "longcat-flash": (560_664_958_976, 27_954_796_544, 27_149_490_176, 26_344_183_808),
    "switch-base-8": (619_339_008, 222_977_280, 222_977_280, 198_302_976),
}
ROUTED = {
    "mixtral-8x7b": 45_097_156_608,
    "deepseek-v3": 653_908_770_816,
    "qwen3-next-80b-a3b": 77_309_411_328,
    "gpt-oss-120b": 114_701_598_720,
    "llama-4-scout": 96_636_764_160,
    "jamba-v0.1": 45_097_156_608,
    "longcat-flash": 541_165_879_296,
    "switch-base-8": 452_984_832,
}
CACHED = {
    "mixtral-8x7b": 65_536,
    "deepseek-v3": 35_136,
    "gpt-oss-120b": 36_864,
    "qwen3-next-80b-a3b": 12 * 2 * 2 * 256,
    "llama-4-scout": 48 * 2 * 8 * 128,
    "jamba-v0.1": 4 * 2 * 8 * 128,
    "longcat-flash": 56 * (512 + 64),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_totals_and_active_parameters(name):
    counts = count(preset(name))
    assert (counts.total, *(counts.active(rule) for rule in ("R1", "R2", "R3"))) == PUBLISHED[name]
    assert counts.routed == ROUTED[name]
    assert sum(size for _, size in counts.by_role) == counts.total


@pytest.mark.parametrize("name", CACHED)
def test_published_cached_numbers(name):
    assert count(preset(name)).kv_elements() == CACHED[name]


def moe_design(**body):
    bank = {
        "kind": "moe",
        "experts": [{"kind": "glu", "count": 3, "hidden": 8}, {"kind": "glu", "count": 1, "hidden": 24}],
        "router": {
            "score": {"kind": "linear"},
            "select": {"kind": "top_k", "k": 2},
            "weigh": {"kind": "raw"},
            "combine": {"kind": "output_mix"},
        },
        **body,
    }
    parts = [{"body": {"kind": "attention", "heads": 2, "kv_heads": 1}}, {"body": bank}]
    return Design.model_validate(
        {
            "width": 16,
            "task": {"kind": "language_model", "context": 6},
            "stacks": [{"layers": [{"times": 2, "pattern": [{"parts": parts}]}]}],
        }
    )


def bank_of(counts):
    return next(part for part in counts.parts if part.kind == "moe")


def test_unequal_experts_are_expected_over_a_uniform_choice():
    bank = bank_of(count(moe_design()))
    experts = 3 * 3 * 16 * 8 + 3 * 16 * 24
    assert bank.routed == experts
    assert bank.active == 16 + 4 * 16 + experts / 2
    assert dict(bank.macs) == {"router": 64, "expert": experts / 2}
    assert [group.rows for group in bank.groups] == [1.5, 0.5]


def test_measured_rates_replace_the_expectation():
    design = moe_design()
    everything = [f"decoder.{layer}.1" for layer in range(2)]
    small, large = 3 * 16 * 8, 3 * 16 * 24
    measured = dict(zip(everything, [(1, 1, 0, 0), (0, 0, 0.5, 1.0)], strict=True))
    bank = bank_of(count(design, measured))
    assert dict(bank.macs)["expert"] == (2.5 * small + large) / 2
    assert bank.active == 16 + 64 + (2.5 * small + large) / 2
    even = dict.fromkeys(everything, (0.5,) * 4)
    assert bank_of(count(design, even)).macs == bank_of(count(design)).macs


@pytest.mark.parametrize(
    ("path", "rates", "words"),
    [
        ("decoder.0.0", (1, 1, 1, 1), "no routed part"),
        ("decoder.9.1", (1, 1, 1, 1), "no routed part"),
        ("decoder.0.1", (1, 1), "4 experts"),
        ("decoder.0.1", (1, 1, -1, 1), "not below zero"),
        ("decoder.0.1", (1, 1, float("nan"), 1), "not below zero"),
    ],
)
def test_measured_rates_of_another_design_are_refused(path, rates, words):
    with pytest.raises(ValueError, match=words):
        count(moe_design(), {path: rates})


def test_a_tied_head_multiplies_and_owns_nothing():
    free, tied = (
        count(moe_design().model_copy(update={"embedding": Embedding(tied=t)})) for t in (False, True)
    )
    assert free.total - tied.total == 256 * 16
    assert flops(free).forward == flops(tied).forward
    assert tied.active("R1") == tied.active("R2") == free.active("R2")
    assert tied.active("R3") == free.active("R3")


def test_merged_and_slot_experts_cost_what_they_compute():
    router = moe_design().stacks[0].layers[0].pattern[0].parts[1].body.router.model_dump()
    every = {**router, "select": {"kind": "all"}}
    equal = [{"kind": "mlp", "count": 4, "hidden": 8}]
    one = 2 * 16 * 8
    merging = {**every, "scope": "example", "combine": {"kind": "param_merge"}}
    merged = bank_of(count(moe_design(experts=equal, router=merging)))
    assert dict(merged.macs)["expert"] == one
    assert merged.token_macs == 4 * one / 6
    assert merged.active == merged.parameters
    slots = bank_of(
        count(moe_design(experts=equal, router={**every, "combine": {"kind": "slot_mix", "slots": 3}}))
    )
    assert dict(slots.macs)["expert"] == pytest.approx(4 * 3 / 6 * one)
    assert slots.token_macs == 2 * 4 * 3 * 16


@pytest.mark.parametrize("experts", [2, 4])
@pytest.mark.parametrize("tokens", [1, 2, 3, 6])
def test_merging_costs_less_than_all_experts_from_the_published_length_on(experts, tokens):
    """arXiv 2306.03745: a merge and one expert cost less than E experts if S > E / (E - 1)."""
    router = moe_design().stacks[0].layers[0].pattern[0].parts[1].body.router.model_dump()
    equal = [{"kind": "mlp", "count": experts, "hidden": 8}]

    def macs(**changed):
        design = moe_design(experts=equal, router={**router, "select": {"kind": "all"}, **changed})
        task = design.task.model_copy(update={"context": tokens})
        bank = bank_of(count(design.model_copy(update={"task": task})))
        return dict(bank.macs)["expert"] + bank.token_macs

    merged = macs(scope="example", combine={"kind": "param_merge"})
    assert (merged < macs()) == (tokens > experts / (experts - 1))


def test_a_rule_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="R1, R2, R3"):
        count(moe_design()).active("R4")


def test_windows_shorten_the_cache_and_only_with_a_context():
    gpt = count(preset("gpt-oss-120b"))
    assert gpt.kv_elements(128) == 128 * gpt.kv_elements()
    assert gpt.kv_elements(4096) == 36_864 / 2 * (4096 + 128)
    assert count(preset("qwen3-next-80b-a3b")).state_elements() == 36 * 32 * 128 * 128


def test_cached_numbers_with_windows_are_an_average_over_the_context():
    near = {"body": {"kind": "attention", "heads": 2, "kv_heads": 1, "window": 4}}
    counts = count(moe_design())
    design = counts.design.model_dump(mode="json")
    design["stacks"][0]["layers"][0]["pattern"][0]["parts"].append(near)
    both = count(Design.model_validate(design))
    assert counts.cached().value == counts.cached(16).value == 32
    assert both.cached().value == 64
    assert both.cached(16).value == 32 + 32 * 4 / 16
    with pytest.raises(ValueError, match="A context of 0 tokens is empty"):
        both.cached(0)
