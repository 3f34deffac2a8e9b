"""Narrow, shared, free and unequal experts; clusters and islands; balancing without a loss."""

from __future__ import annotations

from core.design.experts.glu_lowrank import matching_hidden
from core.design.presets.pieces import JSON
from core.design.presets.routing.bank import Bank, even, fine_factor, ramp, route, top
from core.design.strategies import Widths


def deepseek_moe(bank: Bank) -> JSON:
    """Experts cut fine, more of them a token, and one always on; total and active parameters stay."""
    factor = (
        1
        if bank.moe.shared
        else fine_factor([e["hidden"] for e in bank.experts if "hidden" in e], bank.count)
    )
    if factor == 1:
        return {"router": route("linear", top(bank.k), "raw"), "balance": [even(0.001)]}
    fine = [
        {
            **group,
            "count": group.get("count", 1) * factor,
            **({"hidden": group["hidden"] // factor} if "hidden" in group else {}),
        }
        for group in bank.experts
    ]
    # One of the fine experts becomes the shared one, so it leaves the routed ones and the choice.
    first = next(group for group in fine if "hidden" in group)
    shared = {**first, "count": 1}
    first["count"] -= 1
    k = min(bank.count * factor - 1, bank.k * factor - 1)
    return {
        "experts": fine,
        "shared": [shared],
        "islands": 1,
        "router": route("linear", top(k), "raw"),
        "balance": [even(0.001)],
    }


def deepseek_v3(bank: Bank) -> JSON:
    """Sigmoid scores, the best islands first, weights that sum to a route scale, a bias instead of a loss."""
    islands = bank.islands
    inside = bank.count // islands
    reach = max(-(-bank.k // inside), -(-islands // 2))
    select = {"kind": "group_top_k", "k": bank.some, "top_islands": reach, "island_score": "top2_sum"}
    weigh = {"kind": "renormalised", "scale": 2.5}
    balance = [{"kind": "bias_update", "step": 0.001}, even(0.0001, per="sequence")]
    return {
        "islands": islands,
        "router": route("linear", select, weigh, function="sigmoid"),
        "balance": balance,
    }


def loss_free(bank: Bank) -> JSON:
    """Top-k on scores plus a bias that is nudged after every step; no loss pulls at the router."""
    router = route("linear", top(bank.some), "renormalised", function="sigmoid")
    return {"router": router, "balance": [{"kind": "bias_update", "step": 0.001}]}


def sam(bank: Bank) -> JSON:
    """One island a token, several experts inside it: no token visits two devices."""
    islands = bank.islands
    k = min(bank.k, bank.count // islands)
    select = {"kind": "group_top_k", "k": k, "top_islands": 1, "island_score": "sum"}
    balance = [even(), {"kind": "alignment", "coefficient": 0.1}]
    return {"islands": islands, "router": route("linear", select, "raw"), "balance": balance}


def sam_hierarchical(bank: Bank) -> JSON:
    """A router over islands and one inside each: a token picks an island, then experts by both routers."""
    body = sam(bank)
    body["router"]["score"] = {"kind": "hierarchical_linear"}
    return body


def moe_plus_plus(bank: Bank) -> JSON:
    """Experts that answer nothing or the token itself beside the others: easy tokens cost less."""
    free = [{"kind": kind, "count": max(1, bank.count // 8)} for kind in ("zero", "identity")]
    present = {group["kind"] for group in bank.experts}
    added = [group for group in free if group["kind"] not in present]
    router = route("linear", top(bank.some), "renormalised")
    return {"experts": [*bank.experts, *added], "islands": 1, "router": router, "balance": [even()]}


def hmoe(bank: Bank) -> JSON:
    """Experts of unequal widths; a penalty on width makes tokens prefer narrow ones."""
    body: JSON = {"kind": "moe", "experts": bank.experts}
    widths = {group.inner for group in bank.moe.experts if group.inner}
    if len(widths) == 1:
        wide = min(widths)
        multiple = max(m for m in (1, 2, 4, 8) if wide % m == 0)
        # Nine to twenty-three in steps of two: the paper's arithmetic widths.
        Widths(path="", strategy="arithmetic", ratio=23 / 9, multiple=multiple).write(body)
    balance = [
        {"kind": "param_penalty", "coefficient": 0.1},
        {"kind": "entropy", "coefficient": 0.03},
    ]
    return {
        "experts": body["experts"],
        "router": route("linear", {"kind": "top_p", "p": 0.6}, "raw"),
        "balance": balance,
    }


def aoe(bank: Bank) -> JSON:
    """No router: each expert scores a token by the norm of its own low-rank activation.

    Experts keep their number of parameters.
    """
    width = bank.moe.outer(bank.design.width)
    ranks = {getattr(group, "rank", 0) for group in bank.moe.experts}
    # A bank that has one low rank already keeps it.
    rank = min(ranks) if len(ranks) == 1 and ranks != {0} else max(1, width // 4)
    low = [
        {
            "kind": "glu_lowrank",
            "count": group.count,
            "hidden": matching_hidden(group.parameters(width), width, rank),
            "rank": rank,
        }
        for group in bank.moe.experts
    ]
    return {"experts": low, "router": route("expert_norm", top(bank.some), "raw"), "balance": [even()]}


def moec(bank: Bank) -> JSON:
    """Experts in clusters that agree inside and are dropped at random; the token is mixed in."""
    islands = bank.islands
    modifiers: list[JSON] = [{"kind": "temperature", "learnable": True}]
    # Half of every island, where an island has two at least.
    if bank.count // islands > 1:
        modifiers.insert(0, {"kind": "drop_experts", "rate": 0.5, "refresh": 250})
    balance = [even(), {"kind": "cluster_variance", "coefficient": 0.01, "gap": 1.0}]
    # Room for twice a fair share: with half of the experts dropped, exactly what an even choice needs.
    capacity = {"train": 2.0, "eval": 2.0}
    cosine = {"kind": "cosine", "dim": 32}
    router = route(cosine, top(1), "identity_mix", modifiers=modifiers, capacity=capacity)
    return {"islands": islands, "router": router, "balance": balance}


def smoe_dropout(bank: Bank) -> JSON:
    """A router that is never trained, and more experts a token while training goes on."""
    select = top(ramp("linear", bank.k, bank.count))
    return {"router": route("frozen_linear", select, "renormalised"), "balance": []}
