"""Mowst (arXiv 2311.05185): a small network where a node's features suffice, else a graph network."""

from core.papers.base import Paper

PAPER = Paper(
    name="mowst",
    short="Mowst",
    title="Mixture of Weak & Strong Experts on Graphs",
    source="arXiv 2311.05185",
    year=2023,
    status="planned",
    summary=(
        "Some nodes of a graph can be classified from their own features, others only from their "
        "neighbours. A weak expert sees the features, a strong one the graph. How sharp the weak one's "
        "answer is decides how much it is trusted, and both are trained in turns under that trust, so that "
        "each becomes good where it is used."
    ),
    formula=(
        r"\mathcal{L} = \sum_v C_v\, \ell(w_v, y_v) + (1 - C_v)\, \ell(s_v, y_v), \qquad C_v = "
        r"\sigma\big(G(\text{dispersion of } w_v)\big)"
    ),
    good_for="Graphs that mix easy and hard nodes, and any pair of a cheap and a dear model.",
    cost="About one graph network; less where the weak expert is trusted alone.",
    claim="A weak and a strong expert together beat the strong one at about its cost.",
)
