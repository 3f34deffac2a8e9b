"""Granite MoE: plain, with a shared expert, and with Mamba-2 layers."""

from __future__ import annotations

from core.design.huggingface import words as w
from core.design.huggingface.config import Config
from core.design.huggingface.family import JSON, Family


def write(c: Config) -> JSON:
    """Scales on embedding, attention, residuals and logits; a shared expert where it has a width."""
    f = w.frame(c, vocabulary=32000, width=4096, depth=32, context=2048)
    hybrid = c.has("mamba_n_heads") or c.text("model_type") == "granitemoehybrid"
    bias = "qkvo" if c.flag("attention_bias", default=False) else ""
    scale = c.number("attention_multiplier", default=1.0, low=1e-9, high=1e6)
    positions = c.text("position_embedding_type")
    turned = w.rope(c)
    mixer = w.attention(
        c,
        f,
        heads=32,
        kv=None,
        bias=bias,
        scale=scale,
        rope=turned if not hybrid or positions == "rope" else None,
    )
    state = _mamba(c, f) if hybrid else mixer
    ffn = _ffn(c, f, hybrid)
    residual = c.number("residual_multiplier", default=1.0, low=1e-9, high=1e4)
    kinds = w.kinds(
        c, f, "layer_types", "layers_block_type", default=lambda i: "linear" if hybrid else "full"
    )

    def one(i: int) -> JSON:
        bodies = (state if kinds[i] == "linear" else mixer, ffn)
        return w.layer(*(w.part(body, scale=residual) for body in bodies))

    embedding = {
        "scale": c.number("embedding_multiplier", default=1.0, low=1e-9, high=1e4),
        "logit_scale": 1 / c.number("logits_scaling", default=1.0, low=1e-4, high=1e9),
    }
    return f.design(f.layers(one), embedding=embedding)


def _ffn(c: Config, f: w.Frame, hybrid: bool) -> JSON:
    shared = c.integer("shared_intermediate_size", default=1024 if hybrid else 0, low=0)
    experts = c.integer(*w.EXPERTS, default=8, low=0)
    hidden = c.integer("intermediate_size", default=11008)
    balance = w.load_balance(c, 0.001)
    if not experts:
        c.ignore(*w.PER_TOKEN)
        return w.plain(f, shared or hidden)
    return w.bank(f, w.routing(c, k=2), experts=experts, hidden=hidden, shared=shared, balance=balance)


def _mamba(c: Config, f: w.Frame) -> JSON:
    c.ignore(
        "mamba_chunk_size", "time_step_limit", "time_step_min", "time_step_max", "normalization_function"
    )
    heads = c.integer("mamba_n_heads", default=128)
    inner = c.integer("mamba_expand", default=2) * f.width
    head = max(1, inner // heads)
    if c.is_text("mamba_d_head"):
        c.word("mamba_d_head", default="auto", known={"auto": "auto"})
    else:
        head = c.integer("mamba_d_head", default=head)
    return {
        "kind": "mamba2",
        "heads": heads,
        "head_width": head,
        "state": c.integer("mamba_d_state", default=256),
        "groups": c.integer("mamba_n_groups", default=1),
        "conv": c.integer("mamba_d_conv", default=4),
        "conv_bias": c.flag("mamba_conv_bias", default=True),
        "bias": c.flag("mamba_proj_bias", default=False),
    }


FAMILY = Family(
    "Granite-MoE",
    ("granitemoe", "granitemoeshared", "granitemoehybrid"),
    ("GraniteMoeForCausalLM", "GraniteMoeSharedForCausalLM", "GraniteMoeHybridForCausalLM"),
    write,
    signs=("num_local_experts", "residual_multiplier", "logits_scaling"),
)
