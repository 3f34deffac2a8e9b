"""Llama 4, the text model."""

from __future__ import annotations

from core.design.huggingface import words as w
from core.design.huggingface.config import Config
from core.design.huggingface.family import JSON, Family


def write(c: Config) -> JSON:
    """One expert weighed at its input and one shared; chunked layers with positions, full ones without."""
    f = w.frame(c, vocabulary=202048, width=5120, depth=48, context=131072, epsilon=1e-5)
    if c.flag("attn_temperature_tuning", default=True):
        c.note("Layers without positions scale queries by their place; that adds no weight and is not drawn.")
    c.ignore(
        "floor_scale", "attn_scale", "for_llm_compressor", "attn_temperature_tuning", "cache_implementation"
    )
    bias = "qkvo" if c.flag("attention_bias", default=False) else ""
    turns = _with_positions(c, f)
    kinds = w.kinds(c, f, "layer_types", default=lambda i: "chunk" if turns[i] else "full")
    chunk = c.maybe("attention_chunk_size", default=8192)
    unit = {"qk_norm": "unit"} if c.flag("use_qk_norm", default=True) else {}
    body = w.attention(c, f, heads=40, kv=8, head=128, bias=bias)
    positions = w.rope(c, theta=500000.0)

    def mixer(i: int) -> JSON:
        near = {"chunk": chunk} if kinds[i] == "chunk" and chunk else {}
        return {**body, **near, "rope": positions, **unit} if turns[i] else {**body, **near, "rope": None}

    hidden = c.integer("intermediate_size", default=8192)
    route = w.routing(c, k=1, function="sigmoid", normalised=False)
    route["combine"] = {"kind": "output_mix", "weigh_on": "input"}
    balance = w.load_balance(c, 0.001)
    experts = c.integer(*w.EXPERTS, default=16)
    bank = w.bank(f, route, experts=experts, hidden=hidden, shared=hidden, balance=balance)
    dense = w.plain(f, c.integer("intermediate_size_mlp", default=16384))
    step = c.integer("interleave_moe_layer_step", default=1)
    listed = c.integers("moe_layers")
    sparse = frozenset(range(step - 1, f.depth, step) if listed is None else listed)
    return f.design(f.layers(lambda i: w.layer(mixer(i), bank if i in sparse else dense)))


def _with_positions(c: Config, f: w.Frame) -> tuple[bool, ...]:
    """`no_rope_layers` says, despite its name, 1 for a layer with rotary positions."""
    every = c.integer("no_rope_layer_interval", default=4)
    listed = c.integers("no_rope_layers")
    if listed:
        if len(listed) != f.depth:
            raise c.wrong(
                "no_rope_layers", f"has {len(listed)} entries for {f.depth} layers", "give one for each layer"
            )
        return tuple(bool(entry) for entry in listed)
    return tuple((i + 1) % every != 0 for i in range(f.depth))


FAMILY = Family(
    "Llama 4",
    ("llama4_text", "llama4"),
    ("Llama4ForCausalLM", "Llama4ForConditionalGeneration"),
    write,
    signs=("interleave_moe_layer_step", "intermediate_size_mlp"),
    ties="inner",
)
