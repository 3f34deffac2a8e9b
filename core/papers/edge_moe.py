"""EdgeMoE (arXiv 2308.14352): experts in flash, in few bits, fetched before they are needed."""

from core.papers.base import Paper

PAPER = Paper(
    name="edge_moe",
    short="EdgeMoE",
    title="EdgeMoE: Fast On-Device Inference of MoE-based Large Language Models",
    source="arXiv 2308.14352",
    year=2023,
    status="planned",
    summary=(
        "On a phone the experts do not fit in memory, but few are used at a time. EdgeMoE keeps the rest of "
        "the model resident and experts in flash, stores each expert in as few bits as its own sensitivity "
        "allows, and predicts from the experts of the layers before which ones come next, to load them "
        "while the current layer computes."
    ),
    formula=(
        r"q = \operatorname{clamp}\!\Big(\operatorname{round}\frac{w}{s_c}\Big), \; s_c = \frac{\max "
        r"\lvert w_c \rvert}{2^{b_e - 1} - 1}, \qquad \hat e_\ell \sim P\big(e_\ell \mid e_{\ell-1}, "
        r"e_{\ell-2}\big)"
    ),
    good_for="Devices with little memory and decent flash.",
    cost="Bits and transfers instead of memory: latency depends on how often the prediction is right.",
    claim="1.2 to 2.8 times faster on devices than what fits in memory otherwise, at little loss.",
)
