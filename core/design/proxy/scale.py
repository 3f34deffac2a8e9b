"""Bodies at another width: expert widths, heads and shares keep their ratios."""

from __future__ import annotations

from typing import Any

JSON = dict[str, Any]

#: A window or chunk of a proxy, where the original has one: a quarter of the proxy's context.
WINDOW = 16
HEADS = 4
#: Routed experts of a layer: up to this many for each expert that a token of the proxy gets, two at most.
MOST_EXPERTS = 64


def rescaled(body: JSON, old: int, new: int) -> JSON:
    """A body for a model `new` wide instead of `old`. Kinds that this file does not know stay as they are."""
    write = {"attention": _attention, "dense": _dense, "moe": _moe}.get(body["kind"])
    return write(body, new / old, new) if write else body


def _attention(body: JSON, ratio: float, width: int) -> JSON:
    share = body["kv_heads"] / body["heads"]
    kv = min((1, 2, HEADS), key=lambda n: abs(n / HEADS - share)) if body["heads"] > 1 else 1
    heads = min(HEADS, body["heads"]) if body["heads"] in (1, 2) else HEADS
    span = {key: body[key] and WINDOW for key in ("window", "chunk")}
    shape = {"heads": heads, "kv_heads": min(kv, heads), "head_width": None, "value_width": None}
    return {**body, **shape, **span, "scale": None}


def _dense(body: JSON, ratio: float, width: int) -> JSON:
    return {**body, "expert": _expert(body["expert"], ratio)}


def _expert(group: JSON, ratio: float) -> JSON:
    if "hidden" not in group:
        return group
    return {**group, "hidden": max(4, 2 * round(group["hidden"] * ratio / 2))}


def _moe(body: JSON, ratio: float, width: int) -> JSON:
    groups = [_expert(group, ratio) for group in body["experts"]]
    count = sum(group["count"] for group in groups)
    select = body["router"]["select"]
    k = select.get("k")
    experts, fewer = count, k
    if count > MOST_EXPERTS:
        used = k if isinstance(k, int) else 1
        fewer = max(min(used, 2), round(MOST_EXPERTS * used / count))
        experts = min(round(count * fewer / used), MOST_EXPERTS * min(fewer, 2))
        groups = _counted(groups, experts / count)
        experts = sum(group["count"] for group in groups)
    if isinstance(k, int) and fewer != k:
        body = {**body, "router": {**body["router"], "select": {**select, "k": fewer}}}
    islands = max(n for n in range(1, body["islands"] + 1) if experts % n == 0 and body["islands"] % n == 0)
    shared = [_expert(group, ratio) for group in body["shared"]]
    return {**body, "experts": groups, "shared": shared, "islands": islands}


def _counted(groups: list[JSON], share: float) -> list[JSON]:
    """Groups with their share of experts, as near as whole numbers allow; of very many groups only some."""
    step = max(1, -(-len(groups) // MOST_EXPERTS))
    kept = groups[::step]
    return [{**group, "count": max(1, round(group["count"] * step * share))} for group in kept]
