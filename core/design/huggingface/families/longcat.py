"""LongCat-Flash (arXiv 2509.01322): two blocks a layer, experts on a shortcut, some of them empty."""

from __future__ import annotations

from core.design.huggingface import words as w
from core.design.huggingface.config import Config
from core.design.huggingface.family import JSON, Family
from core.design.huggingface.repeats import repeats


def write(c: Config) -> JSON:
    """The experts read what the first FFN reads, and join at the end of the layer."""
    old = not c.has("num_layers") and c.has("num_hidden_layers")
    f = w.frame(c, vocabulary=131072, width=6144, depth=28, context=131072, epsilon=1e-5)
    # Newer code counts attention layers, two of them in each layer of the paper.
    depth = max(1, f.depth // 2) if old else c.integer("num_layers", default=28, high=w.MOST_LAYERS)
    c.ignore("attention_method", "mla_scale_q_lora", "mla_scale_kv_lora", "zero_expert_type", "router_dtype")
    mixer = w.latent(c, heads=64, q_rank=1536)
    dense = w.plain(f, c.integer("ffn_hidden_size", "intermediate_size", default=12288))
    route = w.routing(c, k=12, normalised=c.flag(*w.NORMALISED, default=False), scale=6.0)
    if c.flag("router_bias", default=False):
        route["score"] = {"kind": "linear", "bias": True}
    hidden = c.integer("expert_ffn_hidden_size", "moe_intermediate_size", default=2048)
    bank = w.bank(f, route, experts=c.integer(*w.EXPERTS, default=512), hidden=hidden)
    empty = c.integer("zero_expert_num", default=256, low=0)
    if empty:
        bank["experts"] = [*bank["experts"], {"kind": "identity", "count": empty}]
    bank["balance"] = w.biased(c)
    shortcut = w.part(bank, reads=1, joins="layer_end", norm={"pre": False})
    layer = w.layer(mixer, dense, shortcut, mixer, dense)
    return f.design(repeats([layer] * depth))


FAMILY = Family(
    "LongCat-Flash",
    ("longcat_flash",),
    ("LongcatFlashForCausalLM", "LongcatForCausalLM"),
    write,
    signs=("zero_expert_num", "expert_ffn_hidden_size"),
)
