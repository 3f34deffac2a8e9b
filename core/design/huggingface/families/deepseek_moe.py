"""DeepSeekMoE (arXiv 2401.06066): fine-grained and shared experts on plain attention."""

from __future__ import annotations

from core.design.huggingface import words as w
from core.design.huggingface.config import Config
from core.design.huggingface.families.deepseek import METHODS, SCORES, dense_first
from core.design.huggingface.family import JSON, Family


def write(c: Config) -> JSON:
    """Softmax scores, not renormalised; the first layer is dense."""
    f = w.frame(c, vocabulary=102400, width=2048, depth=28, context=4096)
    c.word("topk_method", default="greedy", known=METHODS)
    bias = "qkvo" if c.flag("attention_bias", default=False) else ""
    mixer = w.attention(c, f, heads=16, kv=16, bias=bias, rope=w.rope(c))
    function = c.word("scoring_func", default="softmax", known=SCORES)
    each = c.integer(*w.EXPERT_WIDTH, default=1408)
    bank = w.bank(
        f,
        w.routing(c, k=6, function=function, normalised=c.flag(*w.NORMALISED, default=False)),
        experts=c.integer(*w.EXPERTS, default=64),
        hidden=each,
        shared=(c.maybe(*w.SHARED, default=2, low=0) or 0) * each,
        balance=w.load_balance(c, 0.001),
    )
    dense = w.plain(f, c.integer("intermediate_size", default=10944))
    sparse = dense_first(c, f, 1)
    return f.design(f.layers(lambda i: w.layer(mixer, bank if sparse[i] else dense)))


FAMILY = Family("DeepSeekMoE", ("deepseek",), ("DeepseekForCausalLM",), write)
