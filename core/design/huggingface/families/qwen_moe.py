"""Qwen2-MoE and Qwen3-MoE (arXiv 2407.10671, 2505.09388)."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True)
class _Sizes:
    """Where the three classes of Qwen3-MoE differ: in the defaults of keys that a config leaves out."""

    vocabulary: int = 151936
    depth: int = 24
    context: int = 32768
    tied: bool = False
    heads: int = 32
    kv: int = 4
    head: int | None = None
    theta: float = 10_000.0
    experts: int = 128
    k: int = 8
    normalised: bool = False
    hidden: int = 768
    dense: int = 6144


_QWEN3 = _Sizes()
_QWEN3_VL = _Sizes(
    context=128000,
    tied=True,
    heads=16,
    kv=16,
    head=128,
    theta=500_000.0,
    experts=60,
    k=4,
    normalised=True,
    hidden=1408,
    dense=5632,
)
_QWEN3_OMNI = _Sizes(vocabulary=3584, depth=28, heads=28, theta=1e6, normalised=True, dense=18944)


def write_qwen3(c: Config) -> JSON:
    """128 experts, eight a token, no shared one; norms on queries and keys."""
    return _write_qwen3(c, _QWEN3)


def write_qwen3_vl(c: Config) -> JSON:
    """The text model of Qwen3-VL-MoE."""
    return _write_qwen3(c, _QWEN3_VL)


def write_qwen3_omni(c: Config) -> JSON:
    """The text model of Qwen3-Omni's thinker."""
    return _write_qwen3(c, _QWEN3_OMNI)


def _write_qwen3(c: Config, d: _Sizes) -> JSON:
    f = w.frame(c, vocabulary=d.vocabulary, width=2048, depth=d.depth, context=d.context, tied=d.tied)
    # Written by older tools; the class has no shared expert, and always norms queries and keys.
    c.ignore("shared_expert_intermediate_size", "use_qk_norm", "qkv_bias")
    bias = "qkvo" if c.flag("attention_bias", default=False) else ""
    turned = w.rope(c, theta=d.theta)
    mixer = w.attention(c, f, heads=d.heads, kv=d.kv, head=d.head, bias=bias, qk_norm="head", rope=turned)
    bank = w.bank(
        f,
        w.routing(c, k=d.k, normalised=c.flag(*w.NORMALISED, default=d.normalised)),
        experts=c.integer(*w.EXPERTS, default=d.experts),
        hidden=c.integer(*w.EXPERT_WIDTH, default=d.hidden),
        balance=w.load_balance(c, 0.001),
    )
    return f.design(_layers(c, f, mixer, bank, d.dense))


QWEN2 = Family(
    "Qwen2-MoE",
    ("qwen2_moe",),
    ("Qwen2MoeForCausalLM",),
    write_qwen2,
    signs=("shared_expert_intermediate_size", "decoder_sparse_step", "moe_intermediate_size"),
)
QWEN3 = Family(
    "Qwen3-MoE",
    ("qwen3_moe",),
    ("Qwen3MoeForCausalLM",),
    write_qwen3,
    signs=("moe_intermediate_size", "decoder_sparse_step", "head_dim", "norm_topk_prob"),
)
QWEN3_VL = Family(
    "Qwen3-VL-MoE",
    ("qwen3_vl_moe_text", "qwen3_vl_moe"),
    ("Qwen3VLMoeForConditionalGeneration",),
    write_qwen3_vl,
    ties="outer",
)
QWEN3_OMNI = Family(
    "Qwen3-Omni-MoE",
    ("qwen3_omni_moe_text", "qwen3_omni_moe_thinker", "qwen3_omni_moe"),
    ("Qwen3OmniMoeForConditionalGeneration", "Qwen3OmniMoeThinkerForConditionalGeneration"),
    write_qwen3_omni,
)
