"""Task: what goes in, how many tokens it makes, which heads come out."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Literal

from core.design.base import Choice, Spec, Weight, field
from core.design.problems import Problem, Site

HeadKind = Literal["classes", "binary", "value"]


class Head(Spec):
    """One answer of a model: `size` classes, one binary logit, or one value."""

    name: str = field(min_length=1, max_length=64)
    kind: HeadKind = field("classes")
    size: int = field(2, ge=1, le=2_000_000, unit="classes")
    weight: float = field(1.0, ge=0, le=1e6, advanced=True)

    @property
    def outputs(self) -> int:
        """Numbers this head writes."""
        return self.size if self.kind == "classes" else 1


class Task(Spec):
    """Base of all tasks. `tasks` names what routers tell apart where that is not the heads, as domains."""

    kind: str
    tasks: tuple[str, ...] = field((), max_length=64, advanced=True)

    @property
    def task_names(self) -> tuple[str, ...]:
        """Tasks that conditions and task scopes tell apart, in the order of task ids: the heads, unless
        `tasks` names others."""
        return self.tasks or tuple(head.name for head in self.heads_out)

    @property
    @abstractmethod
    def heads_out(self) -> tuple[Head, ...]:
        """Heads by name; a language model has one of the size of its vocabulary."""

    @property
    @abstractmethod
    def tokens(self) -> int:
        """S, tokens of one example."""

    @property
    def answers_tokens(self) -> bool:
        """Whether heads answer for every token, not once for an example."""
        return False

    @property
    def causal_loss(self) -> bool:
        """Whether the loss at a token may look at no later token."""
        return False

    @abstractmethod
    def input_weights(self, width: int) -> Iterator[Weight]:
        """Parameters between the data and the first layer."""

    def output_weights(self, width: int) -> Iterator[Weight]:
        """Parameters between the last layer and the answers."""
        for head in self.heads_out:
            yield Weight(name=f"head.{head.name}.weight", shape=(head.outputs, width), role="head")
            yield Weight(name=f"head.{head.name}.bias", shape=(head.outputs,), role="head", gemm=False)

    def rules(self, site: Site) -> Iterator[Problem]:
        once = list(dict.fromkeys(self.tasks))
        if len(once) < len(self.tasks):
            yield site.error(
                "task-name",
                "Two tasks have the same name, so they could not be told apart.",
                "To fix this, name each once.",
                edits=(site.set("tasks", once, label="Name each task once"),),
                at="tasks",
            )


TASK = Choice("task")
