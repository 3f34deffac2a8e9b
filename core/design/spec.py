"""Design: the whole model as plain data, from task to the last layer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Literal, NamedTuple

from pydantic import model_validator

from core.design import ordinary
from core.design import vocabulary as vocabulary  # registers every value before the first design is parsed
from core.design.base import Spec, Weight, field
from core.design.bodies.base import Body
from core.design.canonical import canonical_json
from core.design.edit import Insert
from core.design.problems import Problem, Site
from core.design.structure import Part, Repeat
from core.design.tasks.base import TASK, Task

#: More layers than any published model by an order of magnitude; a pasted design above it is refused.
MOST_LAYERS = 4096


class Norm(Spec):
    """The norm used throughout: root mean square or layer norm."""

    kind: Literal["rms", "layer"] = field("rms")
    epsilon: float = field(1e-6, gt=0, le=1, advanced=True, symbol=r"\epsilon")
    bias: bool = field(False, advanced=True)

    def weights(self, width: int, name: str) -> Iterator[Weight]:
        """Scale, and shift where asked for."""
        yield Weight(name=f"{name}.weight", shape=(width,), role="norm", gemm=False)
        if self.bias:
            yield Weight(name=f"{name}.bias", shape=(width,), role="norm", gemm=False)


class Embedding(Spec):
    """How tokens become vectors, and how logits come out."""

    tied: bool = field(False)
    position: Literal["none", "learned"] = field("none")
    scale: float = field(1.0, gt=0, le=1e4, advanced=True)
    norm: bool = field(False, advanced=True)
    head_bias: bool = field(False, advanced=True)
    logit_scale: float = field(1.0, gt=0, le=1e4, advanced=True)
    logit_softcap: float | None = field(None, gt=0, le=1e6, advanced=True)


class RelativeBias(Spec):
    """One table of position biases for a whole stack (T5, arXiv 1910.10683)."""

    heads: int = field(ge=1, le=1024)
    buckets: int = field(32, ge=1, le=4096)
    max_distance: int = field(128, ge=1, le=1_000_000)


class Stack(Spec):
    """Layers in order, none yet in a blank design.

    A decoder that `reads` an earlier stack attends to it where a part says `cross`.
    """

    name: str = field("decoder", min_length=1, max_length=40, pattern=r"^[a-z][a-z0-9_]*$")
    causal: bool = field(True)
    reads: str | None = field(None, max_length=40, advanced=True)
    position_bias: RelativeBias | None = None
    layers: tuple[Repeat, ...] = field(max_length=256)
    final_norm: bool = field(True, advanced=True)

    @property
    def depth(self) -> int:
        """Layers of the stack."""
        return sum(repeat.layers for repeat in self.layers)


class PlacedWeight(NamedTuple):
    """A weight, the JSON pointer of what owns it, and how often it is there."""

    pointer: str
    times: int
    weight: Weight


@dataclass(frozen=True)
class PlacedPart:
    """A part of a pattern: its pointer, its repeat's `times`, and the stack it stands in."""

    pointer: str
    times: int
    stack: Stack
    part: Part


@dataclass(frozen=True)
class Occurrence:
    """One part of the unrolled model. `path` is `stack.layer.part`, layers counted from 0 in each stack."""

    path: str
    pointer: str
    layer: int
    index: int
    stack: Stack
    part: Part

    @property
    def body(self) -> Body:
        """What the part computes."""
        return self.part.body


class Design(Spec):
    """Task > Stack > Repeat > Layer > Part. Equal designs have equal `sha`, whatever their name."""

    schema_version: Literal[1] = 1
    name: str = field("Untitled", min_length=1, max_length=80)
    width: int = field(128, ge=1, le=131_072, unit="model width", symbol="D")
    task: Annotated[Task, TASK]
    embedding: Embedding = Embedding()
    norm: Norm = Norm()
    stacks: tuple[Stack, ...] = field(min_length=1, max_length=2)

    @model_validator(mode="after")
    def _not_endless(self) -> Design:
        depth = sum(stack.depth for stack in self.stacks)
        if depth > MOST_LAYERS:
            raise ValueError(f"{depth} layers are more than the {MOST_LAYERS} this studio holds")
        return self

    @property
    def sha(self) -> str:
        """sha256 of the canonical JSON without the name."""
        return hashlib.sha256(canonical_json(self, without=frozenset({"name"})).encode()).hexdigest()

    @property
    def tasks(self) -> int:
        """Tasks that a condition tells apart."""
        return len(self.task.task_names)

    @property
    def depth(self) -> int:
        """Layers of all stacks."""
        return sum(stack.depth for stack in self.stacks)

    def parts(self) -> Iterator[PlacedPart]:
        """Every part once, with how often its repeat turns."""
        for s, stack in enumerate(self.stacks):
            for r, repeat in enumerate(stack.layers):
                for n, layer in enumerate(repeat.pattern):
                    for p, part in enumerate(layer.parts):
                        pointer = f"/stacks/{s}/layers/{r}/pattern/{n}/parts/{p}"
                        yield PlacedPart(pointer, repeat.times, stack, part)

    def occurrences(self) -> Iterator[Occurrence]:
        """Every part of the unrolled model, in order."""
        for s, stack in enumerate(self.stacks):
            turns = (
                (r, n, layer)
                for r, repeat in enumerate(stack.layers)
                for _ in range(repeat.times)
                for n, layer in enumerate(repeat.pattern)
            )
            for index, (r, n, layer) in enumerate(turns):
                for p, part in enumerate(layer.parts):
                    pointer = f"/stacks/{s}/layers/{r}/pattern/{n}/parts/{p}"
                    yield Occurrence(f"{stack.name}.{index}.{p}", pointer, index, p, stack, part)

    @property
    def parameters(self) -> int:
        """All parameters. A tied head owns none."""
        tasks = self.tasks
        return sum(placed.weight.size for placed in (*self._first_weights(), *self._last_weights())) + sum(
            repeat.times * _part_size(part, self.norm, self.width, tasks)
            for stack in self.stacks
            for repeat in stack.layers
            for layer in repeat.pattern
            for part in layer.parts
        )

    def weights(self) -> Iterator[PlacedWeight]:
        """Every parameter of the model, in closed form. A tied head owns none."""
        yield from self._first_weights()
        tasks = self.tasks
        for placed in self.parts():
            for weight in _part_weights(placed.part, self.norm, self.width, tasks):
                yield PlacedWeight(placed.pointer, placed.times, weight)
        yield from self._last_weights()

    def _first_weights(self) -> Iterator[PlacedWeight]:
        yield from (PlacedWeight("/task", 1, w) for w in self.task.input_weights(self.width))
        yield from (PlacedWeight("/embedding", 1, w) for w in self._embedding_weights())
        for s, stack in enumerate(self.stacks):
            yield from (PlacedWeight(f"/stacks/{s}", 1, w) for w in self._stack_weights(stack))

    def _last_weights(self) -> Iterator[PlacedWeight]:
        if not self.embedding.tied:
            yield from (PlacedWeight("/task", 1, w) for w in self.task.output_weights(self.width))

    def _embedding_weights(self) -> Iterator[Weight]:
        language = self.task.kind == "language_model"
        if self.embedding.position == "learned" and language:
            shape = (self.task.tokens, self.width)
            yield Weight(name="position.weight", shape=shape, role="embedding", gemm=False)
        if self.embedding.norm:
            yield from self.norm.weights(self.width, "embedding_norm")
        if self.embedding.head_bias and language:
            yield Weight(name="head.bias", shape=(self.task.heads_out[0].outputs,), role="head", gemm=False)

    def _stack_weights(self, stack: Stack) -> Iterator[Weight]:
        if stack.position_bias is not None:
            table = (stack.position_bias.buckets, stack.position_bias.heads)
            yield Weight(name="position_bias", shape=table, role="mixer", gemm=False)
        if stack.final_norm:
            yield from self.norm.weights(self.width, "final_norm")

    def rules(self, site: Site) -> Iterator[Problem]:
        if self.embedding.tied and self.task.kind != "language_model":
            yield site.error(
                "tied-needs-vocabulary",
                "Only a language model can tie its head to its embedding.",
                "To fix this, untie them.",
                edits=(site.set("embedding/tied", False, label="Untie"),),
                at="embedding/tied",
            )
        for option in ("logit_softcap", "head_bias", "norm"):
            if getattr(self.embedding, option):
                at = f"embedding/{option}"
                edit = site.remove(at, label="Leave it out")
                yield site.not_built(
                    f"The embedding's {option.replace('_', ' ')}", "leave it out", edit, at=at
                )
        for s in range(len(self.stacks)):
            yield from self._stack_rules(site.at("stacks", s), s)
        if len(self.stacks) > 1:
            keep = self.stacks[-1].model_copy(update={"reads": None})
            edit = site.set("stacks", [keep], label="Keep the last stack")
            yield site.not_built("A model of two stacks", "keep the last stack", edit, at="stacks")

    def _stack_rules(self, site: Site, index: int) -> Iterator[Problem]:
        stack = self.stacks[index]
        earlier = [other.name for other in self.stacks[:index]]
        if index == len(self.stacks) - 1 and self.task.causal_loss and not stack.causal:
            yield site.error(
                "causal-needed",
                "This stack sees later tokens, so next-token loss would be cheating.",
                "To fix this, make it causal.",
                edits=(site.set("causal", True, label="Make it causal"),),
                at="causal",
            )
        if stack.name in earlier:
            yield site.error(
                "stack-name",
                f"Two stacks are named {stack.name!r}.",
                "To fix this, rename one.",
                edits=(site.set("name", f"{stack.name[:36]}_{index + 1}", label="Rename"),),
                at="name",
            )
        if stack.reads is not None and stack.reads not in earlier:
            yield site.error(
                "stack-reads",
                f"This stack reads {stack.reads!r}, and no earlier stack has that name.",
                "To fix this, read none.",
                edits=(site.set("reads", None, label="Read none"),),
                at="reads",
            )
        if not stack.layers:
            plain = ordinary.repeat(
                ordinary.attention(self.width, rotary=self.task.kind == "language_model"),
                ordinary.dense(self.width),
            )
            yield site.error(
                "no-layers",
                "There is no layer here yet, so there is nothing to train.",
                "To fix this, add a layer.",
                edits=(Insert(path=f"{site.path}/layers", value=plain, label="Add a plain layer"),),
                at="layers",
                stage="train",
            )
        if stack.position_bias is not None:
            edit = site.set("position_bias", None, label="Leave it out")
            yield site.not_built("A relative position bias", "leave it out", edit, at="position_bias")


# Most layers of a design are equal, and most of a design stays as it is when it is edited.
@lru_cache(maxsize=1024)
def _part_weights(part: Part, norm: Norm, width: int, tasks: int) -> tuple[Weight, ...]:
    """Norms and body of one turn of a part."""
    norms = (weight for name in part.norm.names() for weight in norm.weights(width, name))
    return (*norms, *part.body.norms(norm, width), *part.body.weights(width, tasks))


@lru_cache(maxsize=1024)
def _part_size(part: Part, norm: Norm, width: int, tasks: int) -> int:
    """Parameters of one turn of a part."""
    return sum(weight.size for weight in _part_weights(part, norm, width, tasks))
