"""ExpertFlow (arXiv 2410.17954): all layers' experts predicted at once, tokens regrouped."""

from core.papers.base import Paper

PAPER = Paper(
    name="expert_flow",
    short="ExpertFlow",
    title=(
        "ExpertFlow: Optimized Expert Activation and Token Allocation for Efficient Mixture-of-Experts "
        "Inference"
    ),
    source="arXiv 2410.17954",
    year=2024,
    status="planned",
    summary=(
        "A small network reads the tokens and predicts the experts of all layers in one go. Batches are "
        "regrouped so that tokens with similar ways travel together and fewer different experts are needed, "
        "and the cache gives each layer as many places as its predicted need, fetching the likeliest first "
        "and correcting itself when a prediction was wrong."
    ),
    formula=(
        r"\hat r \in [0,1]^{L \times E}, \qquad \text{places}_\ell \propto \mathbb{E}\,\big\lvert \{ e : "
        r"\hat r_{\ell e} \} \big\rvert"
    ),
    good_for="Serving models whose experts do not fit on the device, with batches of several requests.",
    cost="The predictor and the regrouping, against fewer and earlier transfers.",
    claim=(
        "Up to 94 % less device memory and 2 to 10 times the speed of the offloading it is compared with."
    ),
)
