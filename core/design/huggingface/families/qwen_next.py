"""Qwen3-Next and Qwen3.5-MoE: three gated delta layers for each gated attention layer."""

from __future__ import annotations

from core.design.huggingface import words as w
from core.design.huggingface.config import Config
from core.design.huggingface.families.qwen_moe import sparse_layers
from core.design.huggingface.family import JSON, Family


def _delta(c: Config) -> JSON:
    return {
        "kind": "gated_delta",
        "key_heads": c.integer("linear_num_key_heads", default=16),
        "value_heads": c.integer("linear_num_value_heads", default=32),
        "key_width": c.integer("linear_key_head_dim", default=128),
        "value_width": c.integer("linear_value_head_dim", default=128),
        "conv": c.integer("linear_conv_kernel_dim", default=4),
    }


def _write(c: Config, f: w.Frame, *, experts: int, k: int) -> tuple[tuple[str, ...], JSON, JSON, JSON]:
    interval = c.integer("full_attention_interval", default=4)
    kinds = w.kinds(c, f, "layer_types", default=lambda i: "linear" if (i + 1) % interval else "full")
    c.ignore("attn_output_gate", "mtp_use_dedicated_embeddings", "mamba_ssm_dtype", "mlp_only_layers")
    bias = "qkvo" if c.flag("attention_bias", default=False) else ""
    positions = w.rope(c, theta=10_000.0, fraction=0.25)
    full = w.attention(c, f, heads=16, kv=2, head=256, bias=bias, gate=True, qk_norm="head", rope=positions)
    shared = c.integer("shared_expert_intermediate_size", default=512, low=0)
    bank = w.bank(
        f,
        w.routing(c, k=k, normalised=c.flag(*w.NORMALISED, default=True)),
        experts=c.integer(*w.EXPERTS, default=experts),
        hidden=c.integer(*w.EXPERT_WIDTH, default=512),
        shared=shared,
        balance=w.load_balance(c, 0.001),
        shared_gate=shared > 0,
    )
    return kinds, _delta(c), full, bank


def write_next(c: Config) -> JSON:
    """512 small experts, ten a token; dense layers where the sparse step or `mlp_only_layers` says so."""
    f = w.frame(c, vocabulary=151936, width=2048, depth=48, context=32768)
    kinds, delta, full, bank = _write(c, f, experts=512, k=10)
    sparse = sparse_layers(c, f)
    dense = w.plain(f, c.integer("intermediate_size", default=5632))
    return f.design(
        f.layers(lambda i: w.layer(delta if kinds[i] == "linear" else full, bank if i in sparse else dense))
    )


def write_35(c: Config) -> JSON:
    """As Qwen3-Next, experts in every layer."""
    f = w.frame(c, vocabulary=248320, width=2048, depth=40, context=32768)
    c.ignore("intermediate_size", "decoder_sparse_step")
    kinds, delta, full, bank = _write(c, f, experts=256, k=8)
    return f.design(f.layers(lambda i: w.layer(delta if kinds[i] == "linear" else full, bank)))


NEXT = Family(
    "Qwen3-Next",
    ("qwen3_next",),
    ("Qwen3NextForCausalLM",),
    write_next,
    signs=("linear_num_value_heads", "linear_key_head_dim", "decoder_sparse_step", "moe_intermediate_size"),
)
QWEN35 = Family(
    "Qwen3.5-MoE",
    ("qwen3_5_moe_text", "qwen3_5_moe"),
    ("Qwen3_5MoeForCausalLM", "Qwen3_5MoeForConditionalGeneration"),
    write_35,
    signs=("linear_num_value_heads", "linear_key_head_dim", "moe_intermediate_size"),
    ties="outer",
)
