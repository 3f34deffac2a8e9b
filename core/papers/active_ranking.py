"""Active Ranking (arXiv 2306.02628): few evaluations rank experts, spent where they differ most."""

from core.papers.base import Paper

PAPER = Paper(
    name="active_ranking",
    short="Active Ranking",
    title="Active Ranking of Experts Based on their Performances in Many Tasks",
    source="arXiv 2306.02628",
    year=2023,
    status="planned",
    summary=(
        "If one expert is never worse than another on any task, a single task with a large gap settles "
        "which is better. The procedure spreads a few evaluations over all tasks, keeps the half with the "
        "largest differences, repeats, and tests the survivor with fresh data. Sorting by such comparisons "
        "ranks all experts."
    ),
    formula=(
        r"\pi^{-1}(i) < \pi^{-1}(j) \iff M_{i t} \ge M_{j t}\;\; \forall t, \qquad \text{cost} \sim "
        r"\frac{d}{\lVert M_i - M_j \rVert^2}"
    ),
    good_for=(
        "Finding the best of several designs or checkpoints with few evaluations, if none trades tasks for "
        "others."
    ),
    cost="Evaluations: fewer than uniform sampling if gaps sit on few tasks, more if they sit on all.",
    claim="The number of evaluations adapts to where the gaps are and is near the least possible.",
)
