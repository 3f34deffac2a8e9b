"""Qwen2-MoE and Qwen3-MoE (arXiv 2407.10671, 2505.09388)."""

from __future__ import annotations

from core.design.huggingface import words as w
from core.design.huggingface.config import Config
from core.design.huggingface.family import JSON, Family


def sparse_layers(c: Config, f: w.Frame) -> frozenset[int]:
    """Layers with experts: every `decoder_sparse_step`-th, without those of `mlp_only_layers`."""
    step = c.integer("decoder_sparse_step", default=1)
    dense = c.integers("mlp_only_layers") or ()
    return frozenset(i for i in range(f.depth) if (i + 1) % step == 0) - frozenset(dense)


def _layers(c: Config, f: w.Frame, mixer: JSON, bank: JSON, dense_width: int) -> list[JSON]:
    sparse = sparse_layers(c, f)
    dense = w.plain(f, c.integer("intermediate_size", default=dense_width))
    wide = c.integer("sliding_window", default=4096, low=0)
    last = c.integer("max_window_layers", default=28, low=0)
    slides = c.flag("use_sliding_window", default=False) and wide > 0
    kinds = w.kinds(
        c, f, "layer_types", default=lambda i: "window" if slides and i < last and i % 2 == 0 else "full"
    )
    return f.layers(
        lambda i: w.layer(
            {**mixer, "window": wide} if slides and kinds[i] == "window" else mixer,
            bank if i in sparse else dense,
        )
    )


def write_qwen2(c: Config) -> JSON:
    """Fine-grained experts beside one wide shared expert under a gate; biases on queries, keys, values."""
    f = w.frame(c, vocabulary=151936, width=2048, depth=24, context=32768)
    bias = "qkv" if c.flag("qkv_bias", default=True) else ""
    mixer = w.attention(c, f, heads=16, kv=16, bias=bias, rope=w.rope(c))
    shared = c.integer("shared_expert_intermediate_size", default=5632, low=0)
    bank = w.bank(
        f,
        w.routing(c, k=4, normalised=c.flag(*w.NORMALISED, default=False)),
        experts=c.integer(*w.EXPERTS, default=60),
        hidden=c.integer(*w.EXPERT_WIDTH, default=1408),
        shared=shared,
        balance=w.load_balance(c, 0.001),
        shared_gate=shared > 0,
    )
    return f.design(_layers(c, f, mixer, bank, 5632))


def write_qwen3(c: Config) -> JSON:
    """128 experts, eight a token, no shared one; norms on queries and keys."""
    f = w.frame(c, vocabulary=151936, width=2048, depth=24, context=32768)
    # Written by older tools; the class has no shared expert, and always norms queries and keys.
    c.ignore("shared_expert_intermediate_size", "use_qk_norm", "qkv_bias")
    bias = "qkvo" if c.flag("attention_bias", default=False) else ""
    mixer = w.attention(c, f, heads=32, kv=4, bias=bias, qk_norm="head", rope=w.rope(c))
    bank = w.bank(
        f,
        w.routing(c, k=8, normalised=c.flag(*w.NORMALISED, default=False)),
        experts=c.integer(*w.EXPERTS, default=128),
        hidden=c.integer(*w.EXPERT_WIDTH, default=768),
        balance=w.load_balance(c, 0.001),
    )
    return f.design(_layers(c, f, mixer, bank, 6144))


QWEN2 = Family(
    "Qwen2-MoE",
    ("qwen2_moe",),
    ("Qwen2MoeForCausalLM",),
    write_qwen2,
    signs=("shared_expert_intermediate_size", "decoder_sparse_step", "moe_intermediate_size"),
)
QWEN3 = Family(
    "Qwen3-MoE",
    ("qwen3_moe", "qwen3_vl_moe_text", "qwen3_vl_moe", "qwen3_omni_moe_text"),
    ("Qwen3MoeForCausalLM", "Qwen3VLMoeForConditionalGeneration"),
    write_qwen3,
    signs=("moe_intermediate_size", "decoder_sparse_step", "head_dim", "norm_topk_prob"),
)
