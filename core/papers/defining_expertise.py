"""Defining Expertise (arXiv 2403.00694): how much a decision maker knows about the effect of the decision."""

from core.papers.base import Paper

PAPER = Paper(
    name="defining_expertise",
    short="Defining Expertise",
    title="Defining Expertise: Applications to Treatment Effect Estimation",
    source="arXiv 2403.00694",
    year=2024,
    status="planned",
    summary=(
        "Decisions of an expert carry information about what would have happened otherwise. The paper "
        "measures it: predictive expertise is the share of the decision's entropy that the effect explains, "
        "prognostic expertise the share that the outcomes explain. For a router all outcomes can be "
        "computed, so both can be measured exactly, beside the regret."
    ),
    formula=(
        r"E_{pred} = 1 - \frac{H[A \mid Y_1 - Y_0]}{H[A]}, \qquad E_{prog} = 1 - \frac{H[A \mid Y_0, "
        r"Y_1]}{H[A]}"
    ),
    good_for="Judging routers: does this one know which expert helps, or only which tokens are hard?",
    cost="One forward pass for each expert of the layer that is judged.",
    claim="Knowing the kind of expertise tells which estimator of effects to use.",
)
