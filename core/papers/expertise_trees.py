"""Expertise Trees (arXiv 2305.01063): a tree over contexts, with its own weights of experts in each leaf."""

from core.papers.base import Paper

PAPER = Paper(
    name="expertise_trees",
    short="Expertise Trees",
    title="Expertise Trees Resolve Knowledge Limitations in Collective Decision-Making",
    source="arXiv 2305.01063",
    year=2023,
    status="planned",
    summary=(
        "Experts are good in some regions and poor in others. A tree splits the space of contexts wherever "
        "separate weights for the two halves earn more than joint ones, so each leaf trusts the experts "
        "that are good there. The tree is small enough to read: it says where each expert knows something."
    ),
    formula=(
        r"\hat y(x) = \sum_e w_e^{leaf(x)}\, a_e(x), \qquad \text{split if } V_{left} + V_{right} > "
        r"V_{node}"
    ),
    good_for="Explaining a router by a few rules, and replacing it by them.",
    cost="Growing a tree on recorded outputs; a handful of comparisons an input afterwards.",
    claim="Trees of experts do better than one set of weights, most of all for minorities of inputs.",
)
