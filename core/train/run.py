"""Training: `resolve` a plan once, then `train` until done, paused or stopped."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import torch

from core.data.base import Batch, Dataset
from core.design.facts import Event, MetricsRow
from core.design.files import checkpoint_steps, newest_checkpoint
from core.design.plan import Plan
from core.design.saying import THIN, number
from core.design.spec import Design
from core.model.build import build
from core.trace import record
from core.trace.collect import collect
from core.trace.newest import small_path, trace_path
from core.train import checkpoint
from core.train.errors import CheckpointError, NotFiniteError, TrainingError
from core.train.evaluate import arranged, evaluate, nll_of
from core.train.optimizer import make_optimizer
from core.train.resolve import resolve as resolve
from core.train.start import begin_from, freeze, frozen_from_start
from core.train.step import Stepped, advance, batch_of
from core.train.watch import Watch
from core.train.window import Window

Wish = Literal["run", "pause", "stop"]
Ending = Literal["done", "paused", "stopped"]
Emit = Callable[[MetricsRow | Event], None]

#: Seconds between questions whether to go on.
ASK_EVERY = 0.2
#: Tokens of a small trace: some hundred kilobytes, and less time than a step.
SMALL_TRACE = 2_048
#: Rows a checkpoint repeats, because the last ones may not have been stored when the process was killed.
REPEATED_ROWS = 32


def train(
    folder: Path,
    design: Design,
    plan: Plan,
    dataset: Dataset,
    *,
    emit: Emit,
    wanted: Callable[[], Wish],
) -> Ending:
    """Train a resolved plan in a run's folder, from its newest whole checkpoint if it has one.

    Emits rows and events. Leaves checkpoints, small traces on the way, and at the end (also when stopped) a
    trace of the held-out set.

    Raises:
        TrainingError: loss or gradient is not finite, the checkpoint is of something else, or the plan
            freezes or starts from what is not there.
        DataError: the data cannot fill a batch.
    """
    if plan.steps is None:
        raise TrainingError("This plan has no number of steps. To fix this, resolve it first.")
    torch.set_num_threads(plan.threads or 1)
    return Loop(folder, design, plan, dataset, emit).run(wanted)


class Loop:
    """One process's share of a run."""

    def __init__(self, folder: Path, design: Design, plan: Plan, dataset: Dataset, emit: Emit) -> None:
        self.folder, self.design, self.plan, self.dataset = folder, design, plan, dataset
        self.domains = dataset.facts.domains
        self.emit = emit
        self.steps, self.waypoints = plan.steps or 0, plan.waypoints
        self.model = build(design, seed=plan.seed, execution=plan.execution, expert_dtype=plan.expert_dtype)
        self.held = frozen_from_start(self.model, plan)
        self.optimizer = make_optimizer(self.model, plan.optimizer)
        self.step = 0
        self.saved: int | None = None
        self.window, self.watch = Window(), Watch()
        self.rows: deque[MetricsRow] = deque(maxlen=REPEATED_ROWS)
        self.seconds, self.window_seconds = 0.0, 0.0
        self.held_out = dataset.held_out(plan.evaluate_examples, context=plan.context or design.task.tokens)
        self.evaluated = arranged(design, self.held_out)
        self.resume()
        if self.saved is None and plan.start_from is not None:
            text = begin_from(self.model, folder, plan.start_from, plan.start_with)
            self.emit(Event(step=0, kind="start_from", text=text))
        self._clock = time.perf_counter()

    def run(self, wanted: Callable[[], Wish]) -> Ending:
        """Steps until the end or a wish."""
        if self.saved is None:
            self.report(None)
            if self.plan.start_from is not None:
                # The other run may train on or go: from here a continuation needs only this one.
                self.save()
        wish = wanted()
        asked = time.perf_counter()
        while self.step < self.steps and wish == "run":
            if self.step in self.waypoints:
                self.trace_small()
            found = self.advance()
            if self.due(self.plan.log_every) or self.due(self.plan.evaluate_every):
                self.report(found)
            if self.due(self.plan.checkpoint_every):
                self.save()
            if time.perf_counter() - asked > ASK_EVERY:
                wish, asked = wanted(), time.perf_counter()
        return self.finish(wish if self.step < self.steps else "run")

    def finish(self, wish: Wish) -> Ending:
        """Keep what was reached; a run that ends here also gets its trace."""
        if wish == "pause":
            self.save()
            return "paused"
        if wish == "stop" and not self.due(self.plan.evaluate_every):
            self.keep(MetricsRow(step=self.step, seconds=self.elapsed(), held_out=self.evaluate()))
        self.save()
        self.trace()
        return "done" if wish == "run" else "stopped"

    def due(self, every: int) -> bool:
        """Whether something done every so many steps, and at the last one, is to be done now."""
        return self.step % every == 0 or self.step == self.steps

    def advance(self) -> Stepped:
        """One step, counted."""
        before = time.perf_counter()
        batch = batch_of(self.dataset, self.plan, self.model, self.step)
        if not self.held and self.progress >= self.plan.freeze_after:
            freeze(self.model, self.plan.freeze)
            self.held = True
        try:
            found = advance(self.model, self.optimizer, self.plan, batch, len(self.domains), self.step)
        except NotFiniteError as error:
            raise TrainingError(self.exploded(str(error))) from error
        self.step += 1
        self.window.add(found.losses, found.heads, batch.domain, len(self.domains), found.tokens)
        self.window.route(found.records)
        self.window_seconds += time.perf_counter() - before
        return found

    def exploded(self, what: str) -> str:
        """What to say about a loss that is not a number."""
        rate, kept = self.plan.optimizer.rate, "There is no checkpoint yet."
        if self.saved:
            kept = f"The checkpoint of step {number(self.saved)} is kept."
        return (
            f"{what} at step {number(self.step + 1)}, most often from a step size this high ({rate:g})."
            f" {kept} To fix this, start a new run with a lower peak rate, such as {rate / 3:.1g}."
        )

    def report(self, found: Stepped | None) -> None:
        """A row: training figures where a window ends, held-out figures where an evaluation is due."""
        values: dict[str, Any] = {}
        window = self.window
        if found is not None and self.due(self.plan.log_every):
            means = window.means()
            loss, weights = means.pop("loss"), {h.name: h.weight for h in self.design.task.heads_out}
            values = {
                "loss": loss,
                "parts": means,
                "rate": found.rate,
                "gradient_norm": found.gradient_norm,
                "tokens_per_second": window.tokens / self.window_seconds if self.window_seconds else None,
                "domain_loss": window.domain_loss(self.domains, weights),
                "layers": window.layers(),
                "domain_expert": window.domain_expert(),
                "domain_share": window.domain_share(),
            }
            for event in self.watch.look(self.step, loss, values["layers"]):
                self.emit(event)
            self.window, self.window_seconds = Window(), 0.0
        if self.due(self.plan.evaluate_every):
            values["held_out"] = self.evaluate()
        self.keep(MetricsRow(step=self.step, seconds=self.elapsed(), **values))

    def keep(self, row: MetricsRow) -> None:
        """Emit a row, and remember it for the next checkpoint."""
        self.rows.append(row)
        self.emit(row)

    def elapsed(self) -> float:
        """Seconds of training, pauses left out."""
        now = time.perf_counter()
        self.seconds, self._clock = self.seconds + now - self._clock, now
        return self.seconds

    @property
    def progress(self) -> float:
        """Share of the training done."""
        return self.step / self.steps if self.steps else 1.0

    def evaluate(self) -> dict[str, float]:
        """Held-out figures of the model as it is."""
        return evaluate(self.model, self.evaluated, self.domains, self.plan.batch, progress=self.progress)

    def save(self) -> None:
        """A checkpoint of this step, unless it is there."""
        if self.saved == self.step:
            return
        size = checkpoint.save(
            self.folder,
            checkpoint.Checkpoint(
                step=self.step,
                design=self.design.sha,
                plan=self.plan.sha,
                model=checkpoint.tensors_of(self.model),
                optimizer=checkpoint.optimizer_tensors(self.model, self.optimizer),
                extra={
                    "seconds": self.elapsed(),
                    "window_seconds": self.window_seconds,
                    "window": self.window.to_json(),
                    "watch": self.watch.to_json(),
                    "rows": [row.model_dump(mode="json") for row in self.rows],
                },
            ),
        )
        self.saved = self.step
        text = f"Checkpoint of step {number(self.step)} written, {size / 1e6:.1f}{THIN}MB."
        self.emit(Event(step=self.step, kind="checkpoint", text=text))

    def resume(self) -> None:
        """Continue from the newest whole checkpoint, if there is one."""
        checkpoint.sweep(self.folder)
        newest = newest_checkpoint(self.folder)
        there = checkpoint_steps(self.folder)
        if there and newest != there[-1]:
            begin = "the beginning" if newest is None else f"step {number(newest)}"
            text = f"The checkpoint of step {number(there[-1])} is damaged; training goes on from {begin}."
            self.emit(Event(step=newest or 0, kind="damaged", text=text))
        if newest is None:
            return
        found = checkpoint.load(self.folder, newest)
        if (found.design, found.plan) != (self.design.sha, self.plan.sha):
            raise CheckpointError(
                f"The checkpoint of step {newest} is of another design or plan. To fix this, start a new run."
            )
        self.model.load_state_dict(found.model)
        checkpoint.restore_optimizer(self.model, self.optimizer, found.optimizer)
        self.step = self.saved = found.step
        self.seconds, self.window_seconds = found.extra["seconds"], found.extra["window_seconds"]
        self.window, self.watch = (
            Window.from_json(found.extra["window"]),
            Watch.from_json(found.extra["watch"]),
        )
        for row in found.extra["rows"]:
            self.keep(MetricsRow.model_validate(row))

    def trace(self) -> None:
        """Write down the routing of the held-out set, as many whole examples as the plan's cap holds."""
        path = trace_path(self.folder, self.step)
        if path.exists() or (found := self.collected(self.plan.trace_tokens, probability=True)) is None:
            return
        size = record.write(path, found)
        text = f"Trace of {number(found.header.tokens)} tokens written, {size / 1e6:.1f}{THIN}MB."
        self.emit(Event(step=self.step, kind="trace", text=text))

    def trace_small(self) -> None:
        """The same for the first of those examples: what the last trace is compared with."""
        path = small_path(self.folder, self.step)
        cap = min(SMALL_TRACE, self.plan.trace_tokens)
        if not path.exists() and (found := self.collected(cap, probability=False)) is not None:
            record.write(path, found)

    def collected(self, cap: int, *, probability: bool) -> record.Trace | None:
        """The trace of at most `cap` held-out tokens; None where there are none."""
        batches = self.traced(cap)
        if not batches:
            return None
        return collect(
            self.model,
            batches,
            domains=self.domains,
            nll=lambda output, batch: nll_of(self.model, output, batch),
            run=self.folder.name,
            step=self.step,
            progress=self.progress,
            seed=self.plan.seed,
            probability=probability,
        )

    def traced(self, cap: int) -> list[Batch]:
        """Equal numbers of examples of each domain, as far as `cap` goes: one at least, or none for 0."""
        tokens = self.plan.context or self.design.task.tokens
        fitting = cap // (tokens * max(1, len(self.held_out)))
        each = max(1, fitting) if cap else 0
        some = [batch[:each] for batch in self.held_out] if each else []
        return [piece for batch in arranged(self.design, some) for piece in batch.pieces(self.plan.batch)]
