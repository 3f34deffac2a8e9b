"""gpt-oss (arXiv 2508.10925)."""

from __future__ import annotations

from core.design.huggingface import words as w
from core.design.huggingface.config import Config
from core.design.huggingface.family import JSON, Family


def write(c: Config) -> JSON:
    """Sinks and biases everywhere, clamped gates, windows on every second layer."""
    f = w.frame(c, vocabulary=201088, width=2880, depth=36, context=131072, epsilon=1e-5)
    c.ignore("swiglu_alpha", "initial_context_length")
    bias = "qkvo" if c.flag("attention_bias", default=True) else ""
    full = w.attention(c, f, heads=64, kv=8, head=64, bias=bias, sinks=True, rope=w.rope(c, theta=150000.0))
    window = c.maybe("sliding_window", default=128)
    near = {**full, "window": window} if window else full
    kinds = w.kinds(c, f, "layer_types", default=lambda i: "full" if i % 2 else "window")
    route = w.routing(c, k=4)
    route["score"] = {"kind": "linear", "bias": True}
    bank = w.bank(
        f,
        route,
        experts=c.integer(*w.EXPERTS, default=128),
        hidden=c.integer("intermediate_size", default=2880),
        balance=w.load_balance(c, 0.001),
    )
    clamp = c.number("swiglu_limit", default=7.0, low=1e-6, high=1e6)
    bank["experts"] = [{**bank["experts"][0], "bias": True, "clamp": clamp}]
    return f.design(f.layers(lambda i: w.layer(near if kinds[i] == "window" else full, bank)))


FAMILY = Family(
    "gpt-oss",
    ("gpt_oss",),
    ("GptOssForCausalLM",),
    write,
    signs=("num_local_experts", "swiglu_limit", "sliding_window"),
)
