"""Small things that tests of several rooms need: inputs for a design, a loss, gradients by name."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from core.design.bodies.moe import Moe as MoeSpec
from core.design.spec import Design, Norm
from core.model import vocabulary as vocabulary  # registers every torch class
from core.model.bodies.base import Place, Routed, Sight
from core.model.bodies.moe import Moe
from core.model.initialise import initialise
from core.model.passing import Output, Pass


def inputs_for(design: Design, examples: int = 3, seed: int = 0) -> Tensor:
    """Random inputs of the shape that the design's task reads."""
    random = torch.Generator().manual_seed(seed)
    task = design.task
    shapes = {
        "language_model": lambda t: (t.context,),
        "image_classifier": lambda t: (t.height, t.width, t.channels),
        "table": lambda t: (t.features,),
    }
    shape = (examples, *shapes[task.kind](task))
    if task.kind == "language_model":
        return torch.randint(0, task.vocabulary, shape, generator=random)
    return torch.rand(shape, generator=random)


def passing_for(design: Design, examples: int = 3, **circumstances: Any) -> Pass:
    """The circumstances of a pass over `inputs_for`, examples named to tasks and to domains in turn."""
    turn = torch.arange(examples)
    named = {"task_id": turn % max(1, len(design.task.task_names)), "domain": turn % 2, "domains": 2}
    return Pass(**{**named, **circumstances})


def loss_of(output: Output, seed: int = 1) -> Tensor:
    """A scalar that every logit and every balancer loss reaches, with weights of no symmetry."""
    random = torch.Generator().manual_seed(seed)
    total = torch.stack([loss.sum() for loss in output.losses.values()] or [torch.zeros(())]).sum()
    for logits in output.logits.values():
        total = total + (logits * torch.randn(logits.shape, generator=random)).mean()
    return total


def gradients(model: nn.Module) -> dict[str, Tensor]:
    """Gradients by parameter name, zeros where none arrived."""
    parameters = dict(model.named_parameters())
    return {name: torch.zeros_like(p) if p.grad is None else p.grad.clone() for name, p in parameters.items()}


def close(found: Tensor, wanted: Tensor, tolerance: float = 1e-5) -> bool:
    """Equal up to tolerance * max(1, max |wanted|)."""
    if not wanted.numel():
        return found.shape == wanted.shape
    found, wanted = found.detach(), wanted.detach()
    return float((found - wanted).abs().max()) <= tolerance * max(1.0, float(wanted.abs().max()))


def sight(batch: int, tokens: int, passing: Pass | None = None, causal: bool = True) -> Sight:
    """What the tokens of a batch see of each other."""
    return Sight((batch, tokens), torch.device("cpu"), causal, passing or Pass(record="full"))


def moe_layer(width: int = 8, seed: int = 0, execution: str = "auto", **fields: Any) -> Moe:
    """An MoE layer of four gated experts, top-2 softmax renormalised, with some fields changed.

    Fields of the router may stand beside those of the body.
    """
    router = {
        "score": {"kind": "linear"},
        "select": {"kind": "top_k", "k": 2},
        "weigh": {"kind": "renormalised"},
        "combine": {"kind": "output_mix"},
    }
    body = {"kind": "moe", "experts": [{"kind": "glu", "count": 4, "hidden": 6}]}
    for name, value in fields.items():
        (body if name in MoeSpec.model_fields else router)[name] = value
    layer = Moe(MoeSpec.model_validate({**body, "router": router}), Place(width, Norm(), execution, 0))
    initialise(layer, seed, 1)
    return layer


def routed(layer: Moe, x_BSD: Tensor, passing: Pass | None = None) -> tuple[Tensor, Routed]:
    """The output of an MoE layer and what it tells."""
    y_BSD, told = layer(x_BSD, sight(x_BSD.shape[0], x_BSD.shape[1], passing))
    assert told is not None
    return y_BSD, told
