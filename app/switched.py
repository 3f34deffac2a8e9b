"""What is switched in a routed layer, in words."""

from core.design.override import Given, Override, Pick, Random, Rank, TopK, TopP


def words(override: Override | None) -> dict[str, str]:
    """Each setting, also where it is as learned: None or one that changes nothing."""
    if override is None or override.idle:
        override = Override()
    favoured = (f"expert {expert}: {bias:+.12g}" for expert, bias in sorted(override.bias.items()))
    return {
        "experts switched off": _numbers(override.suppress),
        "experts switched on": _numbers(override.force),
        "added to logits": ", ".join(favoured) or "nothing",
        "experts picked": _picked(override.pick),
        "tokens": {"all": "all", "prefill": "of the prompt", "decode": "generated"}[override.scope],
        "capacity": "as designed" if override.drops else "drops nothing",
    }


def _numbers(experts: tuple[int, ...]) -> str:
    return ", ".join(map(str, sorted(experts))) or "none"


def _picked(pick: Pick | None) -> str:
    match pick:
        case TopK():
            return f"the best {pick.k}"
        case Rank():
            return f"only the one of rank {pick.r}"
        case TopP():
            return f"the fewest whose probabilities reach {pick.p:g}"
        case Random():
            return f"{pick.k} by chance, seed {pick.seed}"
        case Given():
            return f"{_numbers(pick.experts)} for every token"
        case _:
            return "as designed"
