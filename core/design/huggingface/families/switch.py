"""Switch Transformers (arXiv 2101.03961): T5 with sparse layers."""

from __future__ import annotations

from core.design.huggingface import words as w
from core.design.huggingface.config import Config
from core.design.huggingface.family import JSON, Family
from core.design.huggingface.repeats import repeats
from core.design.presets.pieces import dense, mlp, moe


def write(c: Config) -> JSON:
    """Encoder and decoder with one relative bias each; one expert a token."""
    f = w.frame(c, vocabulary=32128, width=768, depth=12, context=512, tied=True, activation=_activation(c))
    c.ignore("router_ignore_padding_tokens", "add_router_probs", "encoder_sparse_step", "decoder_sparse_step")
    c.ignore(
        "expert_capacity", "router_type", "batch_prioritized_routing", "num_selected_experts", "use_bias"
    )
    heads = c.integer(*w.HEADS, default=12)
    itself = {
        "kind": "attention",
        "heads": heads,
        "kv_heads": heads,
        "head_width": c.integer("d_kv", default=64),
    }
    itself["rope"] = None
    across = {**itself, "cross": True}
    plain, bank = _ffns(c, f)
    bias = {
        "heads": heads,
        "buckets": c.integer("relative_attention_num_buckets", default=32),
        "max_distance": c.integer("relative_attention_max_distance", default=128),
    }
    below = f.depth
    above = c.maybe("num_decoder_layers", default=12, high=w.MOST_LAYERS) or below
    left = _sparse(below, c.integer("num_sparse_encoder_layers", default=3, low=0))
    right = _sparse(above, c.integer("num_sparse_decoder_layers", default=3, low=0))
    encoder = {
        "name": "encoder",
        "causal": False,
        "position_bias": bias,
        "layers": repeats([w.layer(itself, bank if sparse else plain) for sparse in left]),
    }
    decoder = {
        "name": "decoder",
        "reads": "encoder",
        "position_bias": bias,
        "layers": repeats([w.layer(itself, across, bank if sparse else plain) for sparse in right]),
    }
    return {**f.design([]), "stacks": [encoder, decoder]}


def _activation(c: Config) -> str:
    """Old configs say `relu`, or `gated-gelu`, under `feed_forward_proj`."""
    old = c.word("feed_forward_proj", default="relu", known={"relu": "relu", "gelu": "gelu"})
    c.flag("is_gated_act", default=False)
    return old


def _ffns(c: Config, f: w.Frame) -> tuple[JSON, JSON]:
    hidden = c.integer("d_ff", default=2048)
    route = w.routing(c, k=1, normalised=False, jitter=0.01)
    if c.flag("router_bias", default=False):
        route["score"] = {"kind": "linear", "bias": True}
    route["capacity"] = {"train": 1.25, "eval": 2.0}
    balance = w.load_balance(c, 0.001)
    calm = c.number("router_z_loss_coef", default=0.001, low=0, high=100)
    if calm:
        balance.append({"kind": "z_loss", "coefficient": calm})
    experts = c.integer(*w.EXPERTS, default=8)
    bank = moe([mlp(hidden, experts, activation=f.activation)], route, balance=balance)
    return dense(mlp(hidden, activation=f.activation)), bank


def _sparse(depth: int, many: int) -> list[bool]:
    """Every `depth // many`-th layer, from the second of each group, as the class places them."""
    step = depth // many if many else depth
    return [step > 0 and (step == 1 or i % step == 1) for i in range(depth)]


FAMILY = Family(
    "Switch Transformers",
    ("switch_transformers",),
    ("SwitchTransformersForConditionalGeneration",),
    write,
    signs=("num_sparse_encoder_layers", "num_sparse_decoder_layers"),
    ignores=frozenset({"n_positions", "num_key_value_heads"}),
)
