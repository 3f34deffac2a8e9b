"""Gemma 4: experts beside a dense FFN, norms on both sides, wide heads on the global layers."""

from __future__ import annotations

from core.design.huggingface import words as w
from core.design.huggingface.config import Config
from core.design.huggingface.family import JSON, Family


def write(c: Config) -> JSON:
    """Windows on five layers of six; global layers may use keys as values."""
    f = w.frame(
        c, vocabulary=262144, width=2304, depth=30, context=131072, tied=True, activation="gelu_pytorch_tanh"
    )
    _refuse_small(c)
    c.ignore("vocab_size_per_layer_input", "use_bidirectional_attention", "use_double_wide_mlp")
    listed = w.kinds(c, f, "layer_types", default=lambda i: "window" if (i + 1) % 6 else "full")
    kinds = (*listed[:-1], "full")
    near, wide = _mixers(c, f)
    own = _overrides(c, f)
    ffn = _ffn(c, f)

    def one(i: int) -> JSON:
        mixer = {**(near if kinds[i] == "window" else wide), **own.get(i, {})}
        return {"parts": [w.part(mixer, norm={"pre": True, "post": True}), *ffn]}

    softcap = c.number("final_logit_softcapping", default=0.0, low=0, high=1e6)
    cap = {"logit_softcap": softcap} if softcap else {}
    return f.design(f.layers(one), embedding={"scale": w.root(f.width), **cap})


def _refuse_small(c: Config) -> None:
    """The small dense models read a table of tokens in every layer and share keys and values."""
    if c.integer("hidden_size_per_layer_input", default=256, low=0):
        dense = "" if c.flag("enable_moe_block", default=False) else " has no experts, and"
        raise w.refuse(
            "hidden_size_per_layer_input",
            f"This Gemma 4{dense} adds an embedding to every layer (hidden_size_per_layer_input; 256 where it"
            " is not given), and the vocabulary has no such part.",
            "import one without, such as the 26B-A4B, where it is 0",
        )
    if c.integer("num_kv_shared_layers", default=0, low=0):
        raise w.refuse(
            "num_kv_shared_layers", "Keys and values shared between layers cannot be drawn.", "import another"
        )


def _mixers(c: Config, f: w.Frame) -> tuple[JSON, JSON]:
    bias = "qkvo" if c.flag("attention_bias", default=False) else ""
    same = {"qk_norm": "head", "scale": 1.0}
    near = w.attention(
        c, f, heads=8, kv=4, head=256, bias=bias, rope=w.rope(c, kind="sliding_attention"), **same
    )
    near["window"] = c.integer("sliding_window", default=512)
    reuse = c.flag("attention_k_eq_v", default=False)
    wide = {key: value for key, value in near.items() if key != "window"}
    wide["rope"] = w.rope(c, theta=1e6, fraction=0.25, kind="full_attention")
    wide["head_width"] = c.integer("global_head_dim", default=512)
    if c.has("per_layer_config"):
        wide["head_width"] = near["head_width"]
    few = c.maybe("num_global_key_value_heads", default=None)
    if reuse:
        wide["values_are_keys"] = True
        wide["kv_heads"] = few or near["kv_heads"]
    return near, wide


def _overrides(c: Config, f: w.Frame) -> dict[int, JSON]:
    """Newer code writes the sizes of single layers under their number, in place of the global ones."""
    table = c.inner("per_layer_config")
    found: dict[int, JSON] = {}
    for key in table.entries():
        if not key.isdecimal() or len(key) > 6 or int(key) >= f.depth:
            raise table.wrong(key[:20], f"is no layer of {f.depth}", "number layers from 0")
        one = table.inner(key)
        head = one.maybe("head_dim", default=None)
        groups = one.maybe("num_key_value_heads", default=None)
        found[int(key)] = {
            **({"head_width": head} if head else {}),
            **({"kv_heads": groups} if groups else {}),
        }
    return found


def _ffn(c: Config, f: w.Frame) -> list[JSON]:
    both = {"pre": True, "post": True}
    dense = w.plain(f, c.integer("intermediate_size", default=9216))
    if not c.flag("enable_moe_block", default=False):
        c.ignore(*w.EXPERTS, *w.PER_TOKEN, *w.EXPERT_WIDTH)
        return [w.part(dense, norm=both)]
    route = w.routing(c, k=None, input={"reads": "stream", "norm": True})
    experts = c.integer(*w.EXPERTS, default=None)
    hidden = c.integer(*w.EXPERT_WIDTH, default=None) if c.has_any(*w.EXPERT_WIDTH) else 0
    if not hidden:
        raise w.refuse("moe_intermediate_size", "moe_intermediate_size is missing.", "add the experts' width")
    bank = w.bank(f, route, experts=experts, hidden=hidden, expert_scale=True)
    return [
        w.part(dense, norm=both, joins="layer_end"),
        w.part(bank, norm={**both, "joined": True}, joins="layer_end"),
    ]


FAMILY = Family(
    "Gemma 4",
    ("gemma4_text", "gemma4", "gemma4_unified_text"),
    ("Gemma4ForCausalLM", "Gemma4ForConditionalGeneration"),
    write,
    signs=("enable_moe_block", "global_head_dim"),
    ties="outer",
    outer_tied=True,
)
