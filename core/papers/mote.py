"""MoTE (arXiv 2502.11096): experts that a behaviour depends on, switched off or forced on."""

from core.papers.base import Paper

PAPER = Paper(
    name="mote",
    short="MoTE",
    title="Mixture of Tunable Experts - Behavior Modification of DeepSeek-R1 at Inference Time",
    source="arXiv 2502.11096",
    year=2025,
    status="planned",
    summary=(
        "Count which experts the tokens of a prompt use, once for prompts that show a behaviour and once "
        "for prompts that do not. The cells of layer and expert where the two maps differ most are the "
        "experts the behaviour hangs on. At inference they are never chosen, or always, and nothing else in "
        "the model changes."
    ),
    formula=(
        r"D_c[\ell, e] = \overline{A}_c[\ell, e] - \frac{1}{\lvert C \rvert - 1}\sum_{c' \ne c} "
        r"\overline{A}_{c'}[\ell, e], \qquad z'_{\ell e} = \begin{cases} -\infty & \text{off} \\ +\infty & "
        r"\text{on} \\ z_{\ell e} & \text{else} \end{cases}"
    ),
    good_for="Finding out what experts do, and changing a behaviour without training.",
    cost="One pass over a few dozen prompts; nothing at inference.",
    claim="Ten experts of 14 848 switched off halve the refusals, and other abilities stay.",
)
