"""Names old and new, defaults, unknown keys, composites, refusals, and input that means harm."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.cost.count import count
from core.design.huggingface.read import Imported, looks_like, read
from core.design.huggingface.registry import FAMILIES, PRESET_ONLY
from core.design.huggingface.repeats import repeats
from core.design.presets.registry import names
from core.design.problems import Problem

HERE = Path(__file__).parent
SIZES = {"vocab_size": 1000, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 4}
HEADS = {"num_attention_heads": 4, "num_key_value_heads": 2}
MIXTRAL = {"model_type": "mixtral", **SIZES, **HEADS, "num_local_experts": 4}


def good(config: Any) -> Imported:
    result = read(config)
    assert isinstance(result, Imported), str(result)
    return result


def bad(config: Any) -> Problem:
    result = read(config)
    assert isinstance(result, Problem)
    assert result.message
    assert "To fix this" in result.fix
    return result


def part(config: Any, index: int, layer: int = 0) -> Any:
    """The body of one part of one layer."""
    found = good(config).design
    return next(o.body for o in found.occurrences() if (o.layer, o.index) == (layer, index))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"num_local_experts": 6}, {"num_experts": 6}),
        ({"rope_theta": 12345.0}, {"rope_parameters": {"rope_theta": 12345.0, "rope_type": "default"}}),
        (
            {"rope_theta": 5e5, "rope_scaling": {"type": "yarn", "factor": 4.0}},
            {"rope_parameters": {"rope_type": "yarn", "factor": 4.0, "rope_theta": 5e5}},
        ),
        ({"num_key_value_heads": None}, {"num_key_value_heads": 4}),
        ({"head_dim": None}, {"head_dim": 16}),
        ({"torch_dtype": "bfloat16", "bos_token_id": 1}, {"dtype": "float32", "use_cache": False}),
    ],
)
def test_old_and_new_names_mean_the_same(old: dict[str, Any], new: dict[str, Any]) -> None:
    base = {key: value for key, value in MIXTRAL.items() if key not in old and key not in new}
    first, second = good({**base, **old}), good({**base, **new})
    assert first.design.sha == second.design.sha
    assert first.unknown == second.unknown == ()


def test_expert_width_had_another_name() -> None:
    base = {"model_type": "qwen3_moe", **SIZES, **HEADS, "num_experts": 4, "num_experts_per_tok": 2}
    first = good({**base, "moe_intermediate_size": 24})
    assert first.design.sha == good({**base, "expert_intermediate_size": 24}).design.sha
    assert part({**base, "moe_intermediate_size": 24}, 1).experts[0].hidden == 24


def test_positions_of_each_kind_of_layer() -> None:
    entry = next(e for e in json.loads((HERE / "hub.json").read_text()) if e["name"] == "gemma4")
    near, wide = part(entry["config"], 0, 0), part(entry["config"], 0, 5)
    assert (near.window, near.rope.theta, near.rope.fraction) == (1024, 1e4, 1.0)
    assert (wide.window, wide.rope.theta, wide.rope.fraction) == (None, 1e6, 0.25)
    assert (wide.values_are_keys, wide.kv_heads, wide.head_width) == (True, 2, 512)


def test_sizes_of_single_layers_stand_for_the_global_ones() -> None:
    entry = next(e for e in json.loads((HERE / "hub.json").read_text()) if e["name"] == "gemma4")
    text = dict(entry["config"]["text_config"])
    wide = {
        "head_dim": text.pop("global_head_dim"),
        "num_key_value_heads": text.pop("num_global_key_value_heads"),
    }
    listed = {**text, "per_layer_config": {f"{i:02}": wide for i in range(5, 30, 6)}}
    assert good(listed).design.sha == good(entry["config"]).design.sha
    assert good(listed).unknown == ()
    assert bad({**text, "per_layer_config": {"30": wide}}).path == "/per_layer_config.30"


def test_deepseek_moe_is_the_published_size() -> None:
    # Published count of DeepSeekMoE-16B; its class defaults are the release.
    assert count(good({"model_type": "deepseek"}).design).total == 16_375_728_128


def test_a_list_and_an_interval_say_the_same() -> None:
    base = {"model_type": "qwen3_next", **SIZES, **HEADS, "num_experts": 4, "num_experts_per_tok": 2}
    listed = ["linear_attention", "full_attention"] * 2
    assert (
        good({**base, "full_attention_interval": 2}).design.sha
        == good({**base, "layer_types": listed}).design.sha
    )


def test_missing_keys_are_those_of_the_class() -> None:
    bank = part({"model_type": "mixtral"}, 1)
    assert (bank.count, bank.per_token, bank.experts[0].hidden) == (8, 2, 14336)


def test_names_that_disagree_are_told() -> None:
    result = good({**MIXTRAL, "num_experts": 8})
    assert any("num_experts and num_local_experts differ" in note for note in result.notes)


def test_unknown_keys_are_listed_wherever_they_stand() -> None:
    result = good({**MIXTRAL, "new_trick": 1, "rope_parameters": {"rope_theta": 1e4, "twist": 2}})
    assert result.unknown == ("new_trick", "rope_parameters.twist")


def test_control_characters_of_unknown_keys_are_shown_as_text() -> None:
    (name,) = good({**MIXTRAL, "\x1b[2Jevil" + "x" * 500: 1}).unknown
    assert name.isprintable()
    assert len(name) <= 60


def test_a_composite_is_unwrapped_and_its_pictures_are_noted() -> None:
    text = {
        **MIXTRAL,
        "model_type": "qwen3_5_moe_text",
        "num_experts_per_tok": 2,
        "shared_expert_intermediate_size": 8,
    }
    outer = {"model_type": "qwen3_5_moe", "text_config": text, "vision_config": {"depth": 3}, "surprise": 1}
    result = good(outer)
    assert result.family == "Qwen3.5-MoE"
    assert result.unknown == ("surprise",)
    assert any("vision_config" in note for note in result.notes)
    assert good({**outer, "tie_word_embeddings": True}).design.embedding.tied


@pytest.mark.parametrize(
    ("outer_type", "inner_type", "told"),
    [
        # Embedding and head tied or not, for (outer, inner): as transformers 5.23 builds the composite.
        (
            "qwen3_vl_moe",
            "qwen3_vl_moe_text",
            {(None, None): 0, (None, True): 0, (True, False): 1, (False, True): 0},
        ),
        (
            "qwen3_5_moe",
            "qwen3_5_moe_text",
            {(None, None): 0, (None, True): 0, (True, False): 1, (False, True): 0},
        ),
        (
            "glm4v_moe",
            "glm4v_moe_text",
            {(None, None): 0, (None, True): 1, (True, False): 1, (False, True): 1},
        ),
        ("llama4", "llama4_text", {(None, None): 0, (None, True): 1, (True, None): 0, (False, True): 1}),
        ("gemma4", "gemma4_text", {(None, None): 1, (None, False): 1, (False, True): 0, (False, None): 0}),
    ],
)
def test_a_composite_ties_its_head_as_its_class_does(
    outer_type: str, inner_type: str, told: dict[tuple[bool | None, bool | None], int]
) -> None:
    for (outer, inner), tied in told.items():
        text = {"model_type": inner_type, **SIZES, **HEADS, "tie_word_embeddings": inner}
        text |= {"num_experts_per_tok": 2, "hidden_size_per_layer_input": 0}
        config = {"model_type": outer_type, "text_config": text, "tie_word_embeddings": outer}
        assert good(config).design.embedding.tied == bool(tied), (outer, inner)


def test_a_composite_may_stand_flat() -> None:
    latent = {
        "kv_lora_rank": 8,
        "q_lora_rank": 8,
        "qk_rope_head_dim": 4,
        "qk_nope_head_dim": 4,
        "v_head_dim": 4,
    }
    flat = {"model_type": "kimi_k25", **SIZES, **HEADS, **latent, "n_routed_experts": 8, "n_group": 1}
    result = good({**flat, "vision_config": {"vt_num_hidden_layers": 27}})
    assert (result.family, result.unknown) == ("DeepSeek-V3", ())
    assert any("vision_config" in note for note in result.notes)
    listed = good({**flat, "moe_layer_freq": [0, 1, 0, 1]}).design
    assert [o.body.kind for o in listed.occurrences() if o.index == 1] == ["dense", "moe"] * 2


def test_classes_name_the_family_where_the_type_is_new() -> None:
    assert (
        good({**MIXTRAL, "model_type": "mixtral_next", "architectures": ["MixtralForCausalLM"]}).family
        == "Mixtral"
    )


def test_deepseek_v4_is_refused_by_name() -> None:
    assert "DeepSeek-V4 needs" in bad({"model_type": "deepseek_v4", **SIZES}).message
    assert "DeepSeek-V4 needs" in bad({"architectures": ["DeepseekV4ForCausalLM"], **SIZES}).message


@pytest.mark.parametrize(("model_type", "name"), [("bailing_moe", "ling-1t"), ("nllb-moe", "nllb-moe-54b")])
def test_a_family_that_is_only_a_preset_names_it(model_type: str, name: str) -> None:
    assert f"start from the preset {name}" in bad({"model_type": model_type, **SIZES}).fix
    assert set(PRESET_ONLY.values()) <= set(names())


def test_an_unknown_family_says_what_is_missing() -> None:
    problem = bad({**MIXTRAL, "model_type": "mixtrall", "mtp_loss": 3})
    assert "Nearest is Mixtral, which understands 7 of its 8 keys; it has no meaning for mtp_loss." in str(
        problem
    )
    assert 'set model_type to "mixtral"' in problem.fix
    assert good({**MIXTRAL, "mtp_loss": 3}).unknown == ("mtp_loss",)
    assert "looks like a dense model" in bad({"model_type": "llama", **SIZES}).message
    assert "values make no model" in bad({**MIXTRAL, "model_type": "x", "hidden_size": -1}).message
    assert "neither a model_type nor architectures" in bad(SIZES).message


def test_what_is_said_about_an_import() -> None:
    assert good(MIXTRAL).told == ("Imported as Mixtral.",)
    one, many = good({**MIXTRAL, "pad_to": 8}), good({**MIXTRAL, **{f"new_{i}": 1 for i in range(8)}})
    assert one.told[0] == "Imported as Mixtral. 1 key is not understood and was kept aside: pad_to."
    assert many.told[0].endswith("new_3, new_4, new_5 and 2 more.")
    assert many.told[0].startswith(
        "Imported as Mixtral. 8 keys are not understood and were kept aside: new_0"
    )


def test_an_auxiliary_loss_is_kept() -> None:
    base = {"model_type": "deepseek_v3", **SIZES, **HEADS, "n_routed_experts": 8, "n_group": 1}
    (bias, loss) = part({**base, "aux_loss_alpha": 0.001, "seq_aux": True}, 1, 3).balance
    assert bias.kind == "bias_update"
    assert (loss.kind, loss.coefficient, loss.per) == ("load_balance", 0.001, "sequence")


def test_a_part_that_cannot_be_drawn_is_refused_by_its_key() -> None:
    small = {"model_type": "gemma4_text", **SIZES, **HEADS}
    assert "adds an embedding to every layer" in bad(small).message
    shared = bad({**small, "hidden_size_per_layer_input": 0, "num_kv_shared_layers": 2})
    assert shared.path == "/num_kv_shared_layers"
    assert bad({"model_type": "hunyuan_v1_moe", **SIZES, **HEADS, "use_cla": True}).path == "/use_cla"


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"hidden_size": "64"}, "/hidden_size"),
        ({"hidden_size": True}, "/hidden_size"),
        ({"hidden_size": 64.5}, "/hidden_size"),
        ({"hidden_size": -1}, "/hidden_size"),
        ({"hidden_size": 10**5000}, "/hidden_size"),
        ({"num_hidden_layers": 10**9}, "/num_hidden_layers"),
        ({"num_hidden_layers": 0}, "/num_hidden_layers"),
        ({"rms_norm_eps": math.nan}, "/rms_norm_eps"),
        ({"rms_norm_eps": 10**400}, "/rms_norm_eps"),
        ({"hidden_act": "mish"}, "/hidden_act"),
        ({"hidden_act": ["silu"]}, "/hidden_act"),
        ({"tie_word_embeddings": "yes"}, "/tie_word_embeddings"),
        ({"rope_parameters": [1]}, "/rope_parameters"),
        ({"rope_parameters": {"rope_theta": math.inf}}, "/rope_parameters.rope_theta"),
        ({"num_local_experts": 10**8}, "/stacks/0/layers/0/pattern/0/parts/1/body/experts/0/count"),
    ],
)
def test_a_wrong_value_is_named(values: dict[str, Any], path: str) -> None:
    assert bad({**MIXTRAL, **values}).path == path


@pytest.mark.parametrize("document", [None, 3, "x", [], {}, {1: 2}, {str(i): i for i in range(3000)}])
def test_what_is_no_config_is_refused(document: Any) -> None:
    bad(document)


def test_lists_of_layers_must_fit() -> None:
    base = {"model_type": "gpt_oss", **SIZES, **HEADS, "num_local_experts": 4}
    assert bad({**base, "layer_types": ["full_attention"]}).path == "/layer_types"
    assert bad({**base, "layer_types": ["full_attention", "warp"] * 2}).path == "/layer_types"
    assert bad({**base, "layer_types": [["full_attention"]] * 4}).path == "/layer_types"


def test_a_config_is_told_from_a_design() -> None:
    assert looks_like(MIXTRAL)
    assert looks_like({"architectures": ["X"]})
    assert not looks_like({"name": "x", "width": 8, "stacks": []})
    assert not looks_like([MIXTRAL])


_JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
_CONFIGS = [json.loads(path.read_text())["config"] for path in sorted((HERE / "configs").glob("*.json"))]


@settings(max_examples=150)
@given(st.data())
def test_no_value_of_any_key_breaks_the_reader(data: st.DataObject) -> None:
    config = dict(data.draw(st.sampled_from(_CONFIGS)))
    for key in data.draw(st.lists(st.sampled_from(sorted(config)), max_size=3)):
        config[key] = data.draw(_JUNK)
    result = read(config)
    if isinstance(result, Imported):
        assert count(result.design).total > 0
    else:
        assert "To fix this" in result.fix


@given(st.lists(st.integers(0, 2), min_size=1, max_size=60))
def test_repeats_unroll_to_the_same_layers(kinds: list[int]) -> None:
    found = repeats([{"kind": kind} for kind in kinds])
    unrolled = [layer["kind"] for one in found for _ in range(one["times"]) for layer in one["pattern"]]
    assert unrolled == kinds


def test_every_family_stands_once() -> None:
    types = [kind for family in FAMILIES for kind in (*family.types, *family.classes)]
    assert len(types) == len(set(types))
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
