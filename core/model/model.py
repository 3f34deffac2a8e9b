"""The whole model: ends of the task around a stack of layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import Tensor, nn

from core.design.spec import Design
from core.model.bodies.base import Place, RoutedBody, Sight
from core.model.norms import Norm
from core.model.passing import Output, Pass
from core.model.routing.record import RoutingRecord
from core.model.tasks.base import TASKS
from core.model.transformer import Layer, Part


class Model(nn.Module):
    """A design as a torch module. Use `core.model.build.build`, which also checks and initialises.

    Parameters of a part are named `layers.<path>.…`, with the path of `Design.occurrences`. execution: how
    experts run, everywhere or by the path of their part.
    """

    def __init__(self, design: Design, execution: str | Mapping[str, str]) -> None:
        super().__init__()
        self.design = design
        (self.stack,) = design.stacks
        self.ends = TASKS.build(design.task, design)
        layers: list[list[Part]] = [[] for _ in range(self.stack.depth)]
        tasks = design.task.task_names
        ids = getattr(design.task, "vocabulary", 0)
        for number, place in enumerate(design.occurrences()):
            own = execution if isinstance(execution, str) else execution[place.path]
            here = Place(design.width, design.norm, own, number, tasks, ids)
            layers[place.layer].append(Part(place.part, here))
        self.layers = nn.ModuleDict({self._key: nn.ModuleList(map(Layer, layers))})
        self.final_norm = Norm(design.norm, design.width) if self.stack.final_norm else None
        self.routed = sum(isinstance(module, RoutedBody) for module in self.modules())

    @property
    def _key(self) -> str:
        """The stack's name; names that torch's containers use for themselves get an underscore."""
        name = self.stack.name
        return f"{name}_" if hasattr(nn.ModuleDict(), name) else name

    def parts(self) -> Iterator[tuple[str, Part]]:
        """Every part with its path, in order."""
        yield from zip((place.path for place in self.design.occurrences()), self._parts(), strict=True)

    def _layers(self) -> Iterator[Layer]:
        # Only the stack's own: a part may hold layers too.
        stack = self.layers[self._key]
        return (module for module in stack.children() if isinstance(module, Layer))

    def _parts(self) -> Iterator[Part]:
        return (part for layer in self._layers() for part in layer.parts())

    def forward(self, inputs: Tensor, passing: Pass | None = None) -> Output:
        """Logits, balancer losses and routing records of a batch.

        inputs: token ids [B, S], pixels [B, height, width, channels] or features [B, F], by the task.
        Raises ValueError for inputs that the design does not read.
        """
        passing = passing or Pass()
        x_BSD = self.ends.embed(inputs)
        ids_BS = None if inputs.is_floating_point() else inputs
        sight = Sight((x_BSD.shape[0], x_BSD.shape[1]), x_BSD.device, self.stack.causal, passing, ids_BS)
        x_BSD = sight.real(x_BSD)
        losses: dict[str, Tensor] = {}
        records: dict[str, RoutingRecord] = {}
        for number, layer in enumerate(self._layers()):
            x_BSD, told = layer(x_BSD, sight)
            for part, routed in told.items():
                for name, loss in routed.losses.items():
                    share = loss / self.routed
                    losses[name] = losses[name] + share if name in losses else share
                if routed.record is not None:
                    records[f"{self.stack.name}.{number}.{part}"] = routed.record
        if self.final_norm is not None:
            x_BSD = self.final_norm(x_BSD)
        return Output(self.ends.read(x_BSD, passing.mask), losses, records)

    def after_step(self, records: Mapping[str, RoutingRecord]) -> None:
        """Update selection biases, once per optimizer step, from the records of its forward pass.

        Raises ValueError if a layer with a selection bias has no record.
        """
        for path, part in self.parts():
            if isinstance(part.body, RoutedBody):
                part.body.after_step(records.get(path))
