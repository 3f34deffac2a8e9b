"""A plan made definite before step 0: steps, threads, execution and type of experts."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch

from core.data.base import Dataset
from core.design.plan import Plan, Way
from core.design.spec import Design
from core.model.build import build
from core.model.execute.tune import Shape, bfloat16_pays, fastest, shape_of
from core.model.model import Model
from core.model.routing.combine.output_mix import OutputMix
from core.model.routing.context import RouteContext
from core.model.routing.decision import Hard
from core.train.evaluate import evaluate
from core.train.optimizer import make_optimizer
from core.train.start import frozen_from_start
from core.train.step import advance, batch_of

#: Length of a plan that names none.
DEFAULT_STEPS = 1000
#: More threads must be this much faster: on a busy machine a small gain is soon a large loss.
WORTH_IT = 1.15
#: Throw-away steps: as many as these seconds hold, one at least.
MOST, PATIENCE = 30, 1.5


def resolve(design: Design, plan: Plan, dataset: Dataset) -> Plan:
    """The plan with `steps`, `threads`, `execution` and `expert_dtype` fixed and `seconds` spent.

    A time budget becomes a step count by throw-away steps on a copy of the model, evaluations counted in.
    Both `steps` and `seconds` given: steps count.
    Raises DataError where the data cannot fill a batch, TrainingError where the plan freezes what is not
    there.
    """
    budget = plan.seconds if plan.steps is None else None
    fixed = plan.replaced(steps=plan.steps or DEFAULT_STEPS, seconds=None)
    if plan.threads is None or "auto" in (plan.execution, plan.expert_dtype):
        with Rehearsal(design, fixed, dataset) as rehearsal:
            fixed = fixed.replaced(threads=plan.threads or rehearsal.best_threads())
            fixed = fixed.replaced(**rehearsal.best_experts(fixed.threads or 1))
    if budget is not None:
        with Rehearsal(design, fixed, dataset) as rehearsal:
            fixed = fixed.replaced(steps=rehearsal.steps_in(budget, fixed.threads or 1))
    return fixed if plan.steps is None else fixed.replaced(steps=plan.steps)


class Rehearsal:
    """A throw-away copy to time steps on; the number of threads is put back at the end."""

    def __init__(self, design: Design, plan: Plan, dataset: Dataset) -> None:
        self.plan, self.dataset = plan, dataset
        expert_dtype = "float32" if plan.expert_dtype == "auto" else plan.expert_dtype
        self.model: Model = build(design, seed=plan.seed, execution=plan.execution, expert_dtype=expert_dtype)
        frozen_from_start(self.model, plan)
        self.optimizer = make_optimizer(self.model, plan.optimizer)
        self.done = 0

    def __enter__(self) -> Rehearsal:
        self._threads = torch.get_num_threads()
        torch.set_num_threads(1)
        self.step()
        return self

    def __exit__(self, *_: object) -> None:
        torch.set_num_threads(self._threads)

    def step(self) -> None:
        """One step of the run that will not be."""
        batch = batch_of(self.dataset, self.plan, self.model, self.done)
        domains = len(self.dataset.facts.domains)
        advance(self.model, self.optimizer, self.plan, batch, domains, self.done)
        self.done += 1

    def best_threads(self) -> int:
        """1, or all cores where a step on all of them is clearly faster just now."""
        cores = len(os.sched_getaffinity(0))
        if cores == 1:
            return 1
        found: dict[int, list[float]] = {1: [], cores: []}
        until = time.perf_counter() + PATIENCE
        while not found[cores] or (len(found[cores]) < MOST and time.perf_counter() < until):
            for threads, times in found.items():
                torch.set_num_threads(threads)
                times.append(timed(self.step))
        return cores if median(found[1]) > WORTH_IT * median(found[cores]) else 1

    def best_experts(self, threads: int) -> dict[str, Any]:
        """`execution` and `expert_dtype`, `auto` replaced by what is fastest for what each layer meets."""
        torch.set_num_threads(threads)
        shapes = self._shapes()
        execution, expert_dtype = self.plan.execution, self.plan.expert_dtype
        if execution == "auto":
            ways: dict[str, Way] = {path: fastest(shape) for path, shape in shapes.items()}
            different = len(set(ways.values())) > 1
            execution = ways if different else next(iter(ways.values()), "sparse")
        if expert_dtype == "auto":
            sparse = execution != "reference" and bool(shapes)
            pays = sparse and all(bfloat16_pays(shape) for shape in shapes.values())
            expert_dtype = "bfloat16" if pays else "float32"
        return {"execution": execution, "expert_dtype": expert_dtype}

    def _shapes(self) -> dict[str, Shape]:
        """What every part that mixes outputs meets in one step, by its path; what it met last, if several."""
        found: dict[str, Shape] = {}

        def look(path: str, arguments: tuple[Hard, RouteContext]) -> None:
            decision, context = arguments
            assert context.bank is not None
            shape = shape_of(context.bank, *decision.selected_TK.shape)
            if shape is not None:
                found[path] = shape

        hooks = [
            module.register_forward_pre_hook(lambda _, arguments, path=path: look(path, arguments))
            for path, part in self.model.parts()
            for module in part.modules()
            if isinstance(module, OutputMix)
        ]
        self.step()
        for hook in hooks:
            hook.remove()
        return found

    def steps_in(self, seconds: float, threads: int) -> int:
        """How many steps, evaluations included, fit into a time budget; at least 1."""
        torch.set_num_threads(threads)
        times: list[float] = []
        until = time.perf_counter() + min(PATIENCE, seconds / 10)
        while not times or (len(times) < MOST and time.perf_counter() < until):
            times.append(timed(self.step))
        look = timed(self._evaluate)
        each = median(times) + look / self.plan.evaluate_every
        # One evaluation before step 0, one at the end, and a trace that costs about as much.
        return max(1, int((seconds - 3 * look) / each))

    def _evaluate(self) -> None:
        context = self.plan.context or self.model.design.task.tokens
        batches = self.dataset.held_out(self.plan.evaluate_examples, context=context)
        evaluate(self.model, batches, self.dataset.facts.domains, self.plan.batch, progress=1.0)


def timed(work: Callable[[], None]) -> float:
    """Wall seconds: a budget is in them."""
    before = time.perf_counter()
    work()
    return time.perf_counter() - before
