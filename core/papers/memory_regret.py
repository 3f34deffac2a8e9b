"""Memory-Regret (arXiv 2303.01673): following the best of n experts while remembering only some."""

from core.papers.base import Paper

PAPER = Paper(
    name="memory_regret",
    short="Memory-Regret",
    title="Near Optimal Memory-Regret Tradeoff for Online Learning",
    source="arXiv 2303.01673",
    year=2023,
    status="planned",
    summary=(
        "Following the best of n experts usually needs a weight for each. With memory for S of them, a pool "
        "is kept: newcomers enter at random, experts that others in the pool cover are dropped, and weights "
        "are multiplied only inside. The regret grows as the memory shrinks, and the paper gives the best "
        "possible exchange up to logarithms."
    ),
    formula=(
        r"\text{Regret}(T) = \tilde O\!\Big(\sqrt{\tfrac{nT}{S}}\Big) \;\text{(oblivious)}, \qquad S "
        r"\gtrsim \sqrt{n} \;\text{(adaptive)}"
    ),
    good_for="Choosing among many checkpoints on a stream when only some fit in memory.",
    cost="Memory for S experts; each day one loss for each of them.",
    claim="Memory for S of n experts is enough for a regret near the square root of nT/S.",
)
