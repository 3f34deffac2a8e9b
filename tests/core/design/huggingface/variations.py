"""Random small models of every family that the installed transformers can build, and what it counts in them.

`draw` writes a config as a user could have it; `built` is the oracle: the class itself on the meta device.
"""

from __future__ import annotations

import json
import random
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

JSON = dict[str, Any]
Write = Callable[[random.Random, JSON], JSON]

SCORED = {"n_group": (1, 2), "topk_group": (1,), "norm_topk_prob": (True, False)}
LATENT = {
    "kv_lora_rank": (8, 12),
    "q_lora_rank": (16, 24, None),
    "qk_rope_head_dim": (4, 8),
    "qk_nope_head_dim": (6, 12),
    "v_head_dim": (8, 10),
}
ROUTED = {"n_routed_experts": (4, 6, 8), "num_experts_per_tok": (1, 2, 3), "moe_intermediate_size": (12, 20)}
QWEN = {
    "num_experts": (4, 6),
    "num_experts_per_tok": (1, 2),
    "moe_intermediate_size": (12, 20),
    "decoder_sparse_step": (1, 2, 3),
    "mlp_only_layers": ([], [0], [0, 2]),
    "norm_topk_prob": (True, False),
}
WIDE_HEAD = {"head_dim": (8, 12, 24)}
BIAS = {"attention_bias": (True, False)}
LOCAL = {"num_local_experts": (4, 6), "num_experts_per_tok": (1, 2)}


def _layers(*kinds: str, name: str = "layer_types") -> Write:
    def write(r: random.Random, c: JSON) -> JSON:
        chosen = [r.choice(kinds) for _ in range(c["num_hidden_layers"])]
        return {name: chosen} if r.random() < 0.6 else {}

    return write


def _mlp_layers(r: random.Random, c: JSON) -> JSON:
    depth = c["num_hidden_layers"]
    return r.choice(
        (
            {},
            {"first_k_dense_replace": r.randint(0, depth)},
            {"mlp_layer_types": [r.choice(("dense", "sparse")) for _ in range(depth)]},
        )
    )


def _ffn_kinds(r: random.Random, c: JSON) -> JSON:
    kinds = [r.choice(("dense", "sparse")) for _ in range(c["num_hidden_layers"])]
    return r.choice(({}, {"mlp_layer_types": kinds}))


def _dense_first(r: random.Random, c: JSON) -> JSON:
    return r.choice(({}, {"first_k_dense_replace": r.randint(0, c["num_hidden_layers"])}))


def _gemma(r: random.Random, c: JSON) -> JSON:
    kinds = [r.choice(("sliding_attention", "full_attention")) for _ in range(c["num_hidden_layers"])]
    few = {"attention_k_eq_v": True, "num_global_key_value_heads": 1} if r.random() < 0.5 else {}
    return {"layer_types": [*kinds[:-1], "full_attention"], **few}


def _llama(r: random.Random, c: JSON) -> JSON:
    depth = c["num_hidden_layers"]
    return r.choice(
        (
            {},
            {"interleave_moe_layer_step": 2},
            {"moe_layers": sorted(r.sample(range(depth), r.randint(0, depth)))},
            {"no_rope_layers": [r.randint(0, 1) for _ in range(depth)]},
        )
    )


def _nemotron(r: random.Random, c: JSON) -> JSON:
    kinds = [r.choice(("linear_attention", "moe", "full_attention", "mlp")) for _ in range(4)]
    del c["num_hidden_layers"]
    return r.choice(({}, {"layers_block_type": kinds}))


def _dbrx(r: random.Random, c: JSON) -> JSON:
    width, heads = c.pop("hidden_size"), c.pop("num_attention_heads")
    sizes = {"d_model": width, "n_heads": heads, "n_layers": c.pop("num_hidden_layers")}
    groups = c.pop("num_key_value_heads")
    del c["intermediate_size"]
    ffn = {"moe_num_experts": r.choice((4, 6)), "moe_top_k": r.choice((1, 2)), "ffn_hidden_size": 20}
    c["tie_word_embeddings"] = False
    attention = {"kv_n_heads": groups, "rope_theta": 5e5, "clip_qkv": r.choice((None, 8))}
    return {**sizes, "attn_config": attention, "ffn_config": {**ffn, "hidden_size": width}}


def _switch(r: random.Random, c: JSON) -> JSON:
    del c["num_key_value_heads"], c["intermediate_size"]
    depth, above = c.pop("num_hidden_layers"), r.randint(1, 6)
    c.pop("tie_word_embeddings", None)  # Untied, the class keeps four tables, two of which nothing reads.
    sizes = {"d_model": c.pop("hidden_size"), "num_heads": c.pop("num_attention_heads"), "num_layers": depth}
    sparse = {
        "num_sparse_encoder_layers": r.randint(0, depth),
        "num_sparse_decoder_layers": r.randint(0, above),
    }
    return {**sizes, "num_decoder_layers": above, **sparse}


def _jetmoe(r: random.Random, c: JSON) -> JSON:
    chosen = {"num_experts_per_tok": r.choice((1, 2)), "kv_channels": r.choice((4, 8))}
    c["num_attention_heads"] = c["num_key_value_heads"] * chosen["num_experts_per_tok"]
    return chosen


def _longcat(r: random.Random, c: JSON) -> JSON:
    del c["intermediate_size"], c["num_key_value_heads"]
    c["num_layers"] = c.pop("num_hidden_layers")
    return {}


def _hybrid(r: random.Random, c: JSON) -> JSON:
    heads, head = r.choice((2, 4)), 2 * c["hidden_size"]
    own = {"mamba_n_heads": heads, "mamba_d_head": head // heads}
    return {**own, **_layers("mamba", "attention", name="layers_block_type")(r, c)}


def _lfm(r: random.Random, c: JSON) -> JSON:
    return {"layer_types": [r.choice(("conv", "full_attention")) for _ in range(c["num_hidden_layers"])]}


def _jamba(r: random.Random, c: JSON) -> JSON:
    period, turn = r.randint(1, 4), r.randint(1, 4)
    return {
        "attn_layer_period": period,
        "attn_layer_offset": r.randrange(period),
        "expert_layer_period": turn,
        "expert_layer_offset": r.randrange(turn),
    }


def _minimax(r: random.Random, c: JSON) -> JSON:
    return {**_layers("linear_attention", "full_attention")(r, c)}


@dataclass(frozen=True)
class Kind:
    """What of a family's config is varied: any of the values of `options`, and what `own` writes."""

    options: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    own: Write | None = None
    #: Of `options`, those always written, because the class's own size is too large to build or null.
    always: tuple[str, ...] = ()


EXPERTS = ("n_routed_experts", "num_experts_per_tok", "num_experts", "num_local_experts")
KINDS: dict[str, Kind] = {
    "mixtral": Kind({**LOCAL, **WIDE_HEAD, "sliding_window": (None, 7)}),
    "qwen2_moe": Kind(
        {
            **QWEN,
            "shared_expert_intermediate_size": (16, 40),
            "qkv_bias": (True, False),
            "use_sliding_window": (True, False),
            "max_window_layers": (0, 2),
        }
    ),
    "qwen3_moe": Kind({**QWEN, **WIDE_HEAD, **BIAS}),
    "qwen3_vl_moe_text": Kind({**QWEN, **WIDE_HEAD, **BIAS}, always=("head_dim",)),
    "qwen3_omni_moe_text": Kind({**QWEN, **BIAS}),
    "qwen3_next": Kind(
        {
            **QWEN,
            **BIAS,
            "head_dim": (8, 16),
            "shared_expert_intermediate_size": (16, 40),
            "linear_num_key_heads": (2, 4),
            "linear_num_value_heads": (4, 8),
            "linear_key_head_dim": (6, 8),
            "linear_value_head_dim": (8, 10),
            "linear_conv_kernel_dim": (2, 4),
            "full_attention_interval": (2, 3),
        },
        _layers("linear_attention", "full_attention"),
    ),
    "qwen3_5_moe_text": Kind(
        {
            **BIAS,
            "num_experts": (4, 6),
            "moe_intermediate_size": (12, 20),
            "head_dim": (8, 16),
            "shared_expert_intermediate_size": (16, 40),
            "linear_num_key_heads": (2, 4),
            "linear_num_value_heads": (4, 8),
            "full_attention_interval": (2, 3),
        },
        _layers("linear_attention", "full_attention"),
    ),
    "deepseek_v2": Kind(
        {
            **ROUTED,
            **LATENT,
            **BIAS,
            "mlp_bias": (True, False),
            "n_shared_experts": (1, 2, 3),
            "topk_method": ("greedy", "group_limited_greedy"),
            "n_group": (2,),
            "topk_group": (1, 2),
        },
        _dense_first,
        # A missing query rank beside all other sizes reads as null: test_a_dropped_null_means_direct_queries.
        always=("num_experts_per_tok", "topk_method", "n_group", "topk_group", "q_lora_rank"),
    ),
    "deepseek_v3": Kind(
        {
            **ROUTED,
            **LATENT,
            **BIAS,
            **SCORED,
            "n_shared_experts": (1, 2),
            "num_nextn_predict_layers": (0, 1),
        },
        _dense_first,
        always=("n_routed_experts", "n_group", "topk_group", "q_lora_rank"),
    ),
    "deepseek_v32": Kind(
        {
            **ROUTED,
            **LATENT,
            **BIAS,
            **SCORED,
            "q_lora_rank": (16, 24),
            "n_shared_experts": (1, 2),
            "index_n_heads": (2, 4),
            "index_head_dim": (16, 24),
        },
        _mlp_layers,
        always=("n_routed_experts", "n_group", "topk_group", "q_lora_rank"),
    ),
    "glm_moe_dsa": Kind(
        {
            **ROUTED,
            **LATENT,
            **BIAS,
            **SCORED,
            "q_lora_rank": (16, 24),
            "n_shared_experts": (1, 2),
            "index_n_heads": (2, 4),
            "index_head_dim": (16, 24),
        },
        _mlp_layers,
        always=("n_routed_experts", "n_group", "topk_group", "q_lora_rank"),
    ),
    "glm4_moe_lite": Kind(
        {**ROUTED, **LATENT, **BIAS, **SCORED, "n_shared_experts": (1, 2)}, _ffn_kinds, ("q_lora_rank",)
    ),
    "glm4_moe": Kind(
        {**ROUTED, **BIAS, **WIDE_HEAD, **SCORED, "n_shared_experts": (1, 2), "use_qk_norm": (True, False)},
        _dense_first,
    ),
    "glm4v_moe_text": Kind({**ROUTED, **BIAS, **SCORED, "n_shared_experts": (1, 2)}, _dense_first),
    "dots1": Kind(
        {**ROUTED, **BIAS, **WIDE_HEAD, **SCORED, "n_shared_experts": (1, 2), "sliding_window": (None, 8)},
        _dense_first,
        always=("n_routed_experts", "num_experts_per_tok", "n_shared_experts"),
    ),
    "olmoe": Kind({**BIAS, "num_experts": (4, 6), "num_experts_per_tok": (1, 2), "clip_qkv": (None, 8.0)}),
    "gpt_oss": Kind({**LOCAL, **BIAS, "head_dim": (8, 16)}, _layers("sliding_attention", "full_attention")),
    "llama4_text": Kind(
        {
            **BIAS,
            "num_local_experts": (2, 4),
            "head_dim": (8, 16),
            "intermediate_size_mlp": (40, 56),
            "use_qk_norm": (True, False),
        },
        _llama,
    ),
    "phimoe": Kind({**LOCAL, **BIAS, "lm_head_bias": (True, False), "sliding_window": (None, 9)}),
    "dbrx": Kind({}, _dbrx),
    "jamba": Kind(
        {
            "num_experts": (1, 4),
            "mamba_d_state": (4, 8),
            "mamba_d_conv": (2, 4),
            "mamba_expand": (1, 2),
            "mamba_dt_rank": ("auto", 5),
            "mamba_conv_bias": (True, False),
            "mamba_proj_bias": (True, False),
        },
        _jamba,
    ),
    "minimax": Kind({**LOCAL, **WIDE_HEAD}, _minimax),
    "minimax_m2": Kind({**LOCAL, "head_dim": (8, 16)}),
    "granitemoe": Kind({**LOCAL, **BIAS}),
    "granitemoeshared": Kind({**LOCAL, **BIAS, "shared_intermediate_size": (0, 24)}),
    "granitemoehybrid": Kind(
        {
            **BIAS,
            "num_local_experts": (0, 4),
            "shared_intermediate_size": (24, 40),
            "mamba_n_groups": (1, 2),
            "mamba_d_state": (8, 16),
            "mamba_d_conv": (2, 4),
            "mamba_conv_bias": (True, False),
            "mamba_proj_bias": (True, False),
        },
        _hybrid,
    ),
    "ernie4_5_moe": Kind(
        {
            "use_bias": (True, False),
            "moe_num_experts": (4, 6),
            "moe_k": (1, 2),
            "moe_intermediate_size": (12, 20),
            "moe_num_shared_experts": (0, 1, 3),
            "moe_layer_start_index": (0, 1, 2),
            "moe_layer_end_index": (-1, 2, 3),
            "moe_layer_interval": (1, 2),
        }
    ),
    "hunyuan_v1_moe": Kind(
        {**BIAS, **WIDE_HEAD, "num_experts": (1, 2, 4), "moe_topk": (1, 2)}, always=("head_dim",)
    ),
    "hy_v3": Kind(
        {
            **BIAS,
            **WIDE_HEAD,
            "num_experts": (2, 4),
            "num_experts_per_tok": (1, 2),
            "moe_intermediate_size": (12, 20),
            "num_shared_experts": (1, 2),
        },
        _ffn_kinds,
    ),
    "nemotron_h": Kind(
        {
            **ROUTED,
            "head_dim": (8, 16),
            "mlp_bias": (True, False),
            "ssm_state_size": (8, 16),
            "mamba_num_heads": (4, 8),
            "mamba_head_dim": (8, 12),
            "n_groups": (1, 2),
            "conv_kernel": (2, 4),
            "use_conv_bias": (True, False),
            "moe_shared_expert_intermediate_size": (16, 24),
            "moe_latent_size": (None, 16),
            "use_bias": (True, False),
            "n_group": (1, 2),
        },
        _nemotron,
        always=("n_routed_experts",),
    ),
    "switch_transformers": Kind(
        {"num_experts": (4, 6), "d_kv": (4, 8), "d_ff": (24, 40), "router_bias": (True, False)}, _switch
    ),
    "gemma4_text": Kind(
        {
            **BIAS,
            "head_dim": (8, 16),
            "global_head_dim": (8, 24),
            "num_experts": (4, 6),
            "top_k_experts": (1, 2),
            "moe_intermediate_size": (12, 20),
            "enable_moe_block": (True,),
            "hidden_size_per_layer_input": (0,),
        },
        _gemma,
        always=(
            "enable_moe_block",
            "hidden_size_per_layer_input",
            "num_experts",
            "top_k_experts",
            "moe_intermediate_size",
            "global_head_dim",
        ),
    ),
    "jetmoe": Kind({"num_local_experts": (2, 4)}, _jetmoe),
    "lfm2_moe": Kind(
        {
            "num_experts": (4, 6),
            "moe_intermediate_size": (12, 20),
            "num_dense_layers": (0, 1, 2),
            "conv_bias": (True, False),
            "conv_L_cache": (2, 4),
            "use_expert_bias": (True, False),
        },
        _lfm,
    ),
    "kimi_linear": Kind(
        {
            **LATENT,
            "num_experts": (4, 6),
            "num_experts_per_token": (1, 2),
            "num_shared_experts": (1, 2),
            "moe_intermediate_size": (12, 20),
            "linear_head_dim": (8, 12),
            "linear_num_heads": (2, 4),
            "linear_conv_kernel_dim": (2, 4),
            "pad_token_id": (0,),
        },
        _layers("linear_attention", "full_attention"),
        always=("pad_token_id",),
    ),
    "longcat_flash": Kind(
        {
            **LATENT,
            "q_lora_rank": (16, 24),
            "ffn_hidden_size": (24, 40),
            "expert_ffn_hidden_size": (12, 20),
            "n_routed_experts": (4, 6),
            "moe_topk": (1, 2),
            "zero_expert_num": (0, 2, 4),
        },
        _longcat,
        always=("ffn_hidden_size", "n_routed_experts", "q_lora_rank"),
    ),
    "mimo_v2_flash": Kind(
        {**ROUTED, **BIAS, "head_dim": (8, 12), "v_head_dim": (6, 8), "n_group": (1, 2)},
        _layers("sliding_attention", "full_attention"),
        always=("n_routed_experts",),
    ),
}


def draw(model_type: str, r: random.Random) -> JSON:
    """A small config of the family with a random choice of its keys written."""
    kind = KINDS[model_type]
    heads = r.choice((2, 4, 8))
    config: JSON = {
        "vocab_size": r.choice((60, 90)),
        "hidden_size": r.choice((32, 64)),
        "intermediate_size": r.choice((24, 40)),
        "num_hidden_layers": r.randint(1, 6),
        "num_attention_heads": heads,
        "num_key_value_heads": r.choice([n for n in (1, 2, 4, 8) if n <= heads]),
    }
    if r.random() < 0.7:
        config["tie_word_embeddings"] = r.random() < 0.5
    if any(key in kind.options for key in LATENT):
        config["num_key_value_heads"] = heads
    for key, values in kind.options.items():
        if key in kind.always or key in EXPERTS or r.random() < 0.7:
            config[key] = r.choice(values)
    config.update(kind.own(r, config) if kind.own else {})
    return {"model_type": model_type, **config}


@dataclass(frozen=True)
class Built:
    """What the class makes of a config: its parameters without buffers, and its own idea of the config."""

    total: int
    routed: int
    config: Any
    model: str


def built(config: JSON) -> Built:
    """The model on the meta device. Raises what the class raises."""
    import torch
    import transformers
    from transformers.models.auto import modeling_auto as auto

    values = {key: value for key, value in config.items() if key != "model_type"}
    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("ignore")
        made = transformers.AutoConfig.for_model(config["model_type"], **values)
        loader: Any = transformers.AutoModelForCausalLM
        if config["model_type"] in auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES:
            loader = transformers.AutoModelForSeq2SeqLM
        if config["model_type"] not in auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
            loader = LOADERS.get(config["model_type"], loader)
        model = loader.from_config(made)
    sizes = {name: _numbers(name, p, config) for name, p in model.named_parameters()}
    routed = sum(n for name, n in sizes.items() if ROUTED_NAMES.search(name))
    return Built(sum(sizes.values()), routed, made, type(model).__name__)


def forms(config: JSON, made: Built) -> dict[str, JSON]:
    """The same model as other tools would write it down."""
    whole = plain(made.config.to_dict())
    differs = {**plain(made.config.to_diff_dict()), "model_type": config["model_type"]}
    bare = {key: value for key, value in config.items() if key != "model_type"}
    found = {
        "as drawn": config,
        "whole": whole,
        "without nulls": {key: value for key, value in whole.items() if value is not None},
        "differences": differs,
        "inside": {
            "model_type": "a_composite",
            "text_config": config,
            "tie_word_embeddings": bool(getattr(made.config, "tie_word_embeddings", False)),
            "vision_config": {"depth": 2},
        },
        "older": older(whole),
        "aliases": aliased(config, made.config.attribute_map),
    }
    if made.model.endswith(("ForCausalLM", "ForConditionalGeneration")):
        found["class only"] = {**bare, "architectures": [made.model]}
    return found


def plain(config: JSON) -> JSON:
    """As it would come back from the file."""
    return json.loads(json.dumps(config, default=str))


def older(config: JSON) -> JSON:
    """With the keys of configs before `rope_parameters` and `dtype`."""
    found = dict(config)
    turned = found.pop("rope_parameters", None) or {}
    if "rope_theta" in turned:
        kept = {key: value for key, value in turned.items() if key not in ("rope_theta", "rope_type")}
        found["rope_theta"] = turned["rope_theta"]
        found["rope_scaling"] = {"type": "linear", **kept} if kept else None
    elif turned:
        found["rope_parameters"] = turned
    found["torch_dtype"] = found.pop("dtype", None) or "bfloat16"
    found["quantization_config"] = {"quant_method": "fp8", "weight_block_size": [128, 128]}
    return found


def aliased(config: JSON, names: dict[str, str]) -> JSON:
    """With the other name of every key that has two."""
    other = {real: alias for alias, real in names.items() if real in config and alias not in config}
    return {other.get(key, key): value for key, value in config.items()}


def _numbers(name: str, tensor: Any, config: JSON) -> int:
    """Size of a parameter, without the gates that LongCat's class keeps for experts that compute nothing."""
    empty = config.get("zero_expert_num", 256) if config["model_type"] == "longcat_flash" else 0
    if empty and name.endswith("experts.gate_up_proj"):
        return int(tensor[0].numel() * (tensor.shape[0] - empty))
    return int(tensor.numel())


class _TextOnly:
    """Text models that only stand inside a composite: the text model and a head beside it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def from_config(self, config: Any) -> Any:
        import torch
        import transformers

        model = getattr(transformers, self.name)(config)
        if not getattr(config, "tie_word_embeddings", False):
            model.lm_head = torch.nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        return model


LOADERS = {
    "qwen3_vl_moe_text": _TextOnly("Qwen3VLMoeTextModel"),
    "qwen3_omni_moe_text": _TextOnly("Qwen3OmniMoeThinkerTextModel"),
    "glm4v_moe_text": _TextOnly("Glm4vMoeTextModel"),
}

#: Parameters of routed experts; shared ones, routers and what stands beside them have other names.
ROUTED_NAMES = re.compile(
    r"(\.experts\.(?!router|bias)|block_sparse_moe\.(input|output)_linear|\.mlp\.(input|output)_linear)"
)
