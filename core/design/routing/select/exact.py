"""What selectors with exact balance share: they look ahead, and nothing else may balance."""

from __future__ import annotations

from collections.abc import Iterator

from core.design.problems import Problem, Site

TOP_2 = {"kind": "top_k", "k": 2}


def exact_balance_rules(site: Site, name: str) -> Iterator[Problem]:
    """Refuse later tokens in a causal stack, and balancers or capacity beside exact balance."""
    moe = site.moe
    if moe is None:
        return
    router = site.up()
    body = site.goto(router.path.removesuffix("/router"))
    if site.causal:
        yield site.error(
            "looks-ahead",
            f"{name} looks at later tokens, so next-token loss would be cheating.",
            "To fix this, let tokens choose (top-k).",
            edits=(
                router.merge(
                    {"select": {**TOP_2, "k": min(2, moe.count)}, "combine": {"kind": "output_mix"}},
                    label="Use top-k",
                ),
            ),
        )
    if moe.router.capacity is not None:
        yield router.error(
            "already-balanced",
            "Balance is already exact here, so a capacity limit does nothing.",
            "To fix this, remove the capacity.",
            edits=(router.remove("capacity", label="Remove the capacity"),),
            at="capacity",
        )
    if moe.router.uncertain is not None:
        yield router.error(
            "already-balanced",
            "An uncertain rule needs tokens that choose for themselves.",
            "To fix this, remove the uncertain rule.",
            edits=(router.remove("uncertain", label="Remove the rule"),),
            at="uncertain",
        )
    for i, balancer in enumerate(moe.balance):
        if balancer.evens:
            yield body.error(
                "already-balanced",
                f"Balance is already exact here, so {balancer.kind} does nothing.",
                f"To fix this, remove {balancer.kind}.",
                edits=(body.remove(f"balance/{i}", label=f"Remove {balancer.kind}"),),
                at=f"balance/{i}",
            )
