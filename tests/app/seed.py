"""A data folder with runs in it, written through storage in a second: what pages look like with work done."""

import time
from pathlib import Path

import numpy as np

from core.analysis.load import cv, dead, max_violation
from core.analysis.specialization import domain_expert
from core.design.facts import Event, LayerRouting, MetricsRow
from core.design.files import write_whole
from core.design.plan import Plan
from core.design.presets.registry import plan_for, preset
from core.trace import record
from core.trace.newest import small_path, trace_path
from core.trace.record import Header, LayerHeader, RoutedLayer, Tokens, Trace
from storage import database, files, jobs, metrics, runs, work
from storage.database import Database
from storage.drafts import Document
from storage.status import Status
from storage.tables import JobRow, RunRow
from tests.checkpoints import write_checkpoint

DOMAINS = ("english", "python", "cpp", "arithmetic", "tables")
PATHS = ("decoder.0.1", "decoder.1.1", "decoder.2.1")
EXPERTS, K = 8, 2
#: How strongly domains and experts are tied in each layer, at the end.
TIES = (0.4, 1.2, 2.2)
TEXT = {
    "english": b"The statement is executed once for each item of the list. ",
    "python": b"def area(width, height):\n    return width * height\n",
    "cpp": b"template <typename T> inline T& at(std::size_t index) {\n",
    "arithmetic": b"17 + 25 = 42; 9 * 8 = 72; 144 / 12 = 12\n",
    "tables": b"5.1,3.5,1.4,0.2,setosa\n4.9,3.0,1.4,0.2,setosa\n",
}


def seed(root: Path) -> dict[str, str]:
    """Run ids by what they are: done, paused, queued."""
    db = database.open(root)
    return {
        "done": write_run(db, Status.DONE, "seed-done", steps=700, reached=700),
        "paused": write_run(db, Status.PAUSED, "seed-paused", steps=700, reached=320, seed=1),
        "queued": write_run(db, Status.QUEUED, "seed-queued", steps=700, reached=0, seed=2),
    }


def write_run(db: Database, status: Status, request: str, *, steps: int, reached: int, seed: int = 0) -> str:
    """A run of the text starter with its record, as a worker leaves it. It claims no slot."""
    design = preset("starter")
    plan = plan_for("starter").replaced(steps=steps, seed=seed)
    document = Document(design.name, design.model_dump_json(), design.sha)
    run = runs.create(db, document, plan, "text", request)
    if status is Status.QUEUED:
        with db.write() as session:
            # Leased by nobody: the tests start no process.
            work.changed(session, RunRow, RunRow.id == run.id, heartbeat=time.time() + 3600)
        return run.id
    with db.write() as session:
        metrics.add(session, run.id, rows(plan, reached))
        metrics.add(session, run.id, events(reached))
        work.changed(
            session,
            RunRow,
            RunRow.id == run.id,
            status=status.value,
            step=reached,
            started_at=time.time() - 90,
            ended_at=time.time(),
        )
    folder = files.folder(db.root, "runs", run.id)
    write_checkpoint(folder, reached)
    if status is Status.DONE:
        record.write(trace_path(folder, reached), trace(run.id, design.sha, reached, seed))
        for step in (0, reached // 4, reached // 2):
            small = trace(run.id, design.sha, step, seed, learned=step / reached)
            record.write(small_path(folder, step), small)
    return run.id


def write_export(db: Database, run_id: str, request: str, *, hard: int = 0) -> str:
    """An export that is done, with its file; with hard flips its parity failed and there is no file."""
    job = jobs.create(db, "export", run_id, {"target": "onnx", "routing": True}, request)
    layers = [
        {
            "path": path,
            "tokens": 4096,
            "same_set": 4096 - hard - 1,
            "same_order": 4090 - hard,
            "near_tie": 1,
            "downstream": 0,
            "hard": hard,
            "probability_error": 2.4e-7,
            "smallest_margin": 3e-7,
            "unequal_weights": [],
        }
        for path in PATHS
    ]
    parity = {
        "layers": layers,
        "batches": 5,
        "answers": 4096,
        "error": 3.1e-6,
        "error_all": 4.4e-4,
        "bound": 1.2e-4,
        "largest_logit": 12.0,
        "agreement": 1.0,
        "unequal_weights": [],
        "verdict": "FAIL" if hard else "PASS with near-tie flips",
        "tolerance": 1e-5,
    }
    content = b"not really a model"
    kept = {} if hard else {"model.onnx": len(content)}
    if kept:
        write_whole(files.folder(db.root, "runs", run_id) / "exports" / job.id / "model.onnx", content)
    with db.write() as session:
        done = {"files": kept, "parity": parity, "target": "onnx"}
        work.changed(
            session, JobRow, JobRow.id == job.id, status=Status.DONE.value, progress=1.0, result=done
        )
    return job.id


def rows(plan: Plan, reached: int) -> list[MetricsRow]:
    """A row every ten steps, held-out figures every hundred."""
    rng = np.random.default_rng(plan.seed)
    found = [MetricsRow(step=0, seconds=0.1, held_out=held_out(0, rng))]
    for step in range(10, reached + 1, 10):
        counts = [counts_NE(tie * step / 700, rng) for tie in TIES]
        loss = {name: losses(step)[i] + rng.normal(0, 0.02) for i, name in enumerate(DOMAINS)}
        found.append(
            MetricsRow(
                step=step,
                seconds=0.1 + 0.11 * step + rng.normal(0, 0.05),
                loss=float(np.mean(list(loss.values()))),
                rate=6e-3,
                gradient_norm=0.8,
                tokens_per_second=38_000 + rng.normal(0, 500),
                domain_loss=loss,
                layers=tuple(
                    routing(path, counts.sum(0)) for path, counts in zip(PATHS, counts, strict=True)
                ),
                domain_expert={
                    path: tuple(map(tuple, counts.tolist()))
                    for path, counts in zip(PATHS, counts, strict=True)
                },
                held_out=held_out(step, rng) if step % 100 == 0 else {},
            )
        )
    return found


def losses(step: int) -> list[float]:
    """Loss of each domain at a step."""
    ends, falls = (2.1, 1.6, 1.4, 1.75, 1.2), (150, 130, 120, 240, 110)
    return [end + (5.5 - end) * np.exp(-step / fall) for end, fall in zip(ends, falls, strict=True)]


def held_out(step: int, rng: np.random.Generator) -> dict[str, float]:
    """Held-out figures as an evaluation writes them."""
    each = {f"loss/{name}": losses(step)[i] + 0.05 for i, name in enumerate(DOMAINS)}
    return {"loss": float(np.mean(list(each.values()))), "bits_per_byte": 3.0 + rng.normal(0, 0.01)} | each


def counts_NE(tie: float, rng: np.random.Generator) -> np.ndarray:
    """Assignments of 500 tokens a domain."""
    logits = np.zeros((len(DOMAINS), EXPERTS))
    for domain in range(len(DOMAINS)):
        logits[domain, (2 * domain) % EXPERTS] = tie
    p = np.exp(logits + rng.normal(0, 0.1, logits.shape))
    return np.stack([rng.multinomial(1000, row / row.sum()) for row in p])


def routing(path: str, load: np.ndarray) -> LayerRouting:
    """Figures of a layer's load."""
    return LayerRouting(
        path=path,
        load=tuple(load.tolist()),
        cv=cv(load),
        max_violation=max_violation(load),
        dead=dead(load),
        drop_rate=0.0,
        entropy=0.8,
    )


def events(reached: int) -> list[Event]:
    """What happened."""
    kept = [
        Event(step=step, kind="checkpoint", text=f"Checkpoint of step {step} written, 7.9 MB.")
        for step in range(200, reached + 1, 200)
    ]
    return [*kept, Event(step=150, kind="revived", text="Expert 5 of decoder.1.1 is used again.")]


def trace(
    run: str, design: str, step: int, seed: int, *, learned: float = 1.0, each: int = 16, length: int = 64
) -> Trace:
    """Sixteen sequences a domain; in the last layer expert 7 gets no token. `learned` weakens the ties."""
    rng = np.random.default_rng([seed, 7])
    sequences = len(DOMAINS) * each
    n = sequences * length
    domain = np.repeat(np.arange(len(DOMAINS)), each * length).astype(np.int16)
    tokens = Tokens(
        sequence=np.repeat(np.arange(sequences), length).astype(np.int32),
        position=np.tile(np.arange(length), sequences).astype(np.int32),
        forward=np.zeros(n, np.int16),
        phase=np.zeros(n, np.int8),
        domain=domain,
        task=np.full(n, -1, np.int16),
        token=np.concatenate([text(name, each, length) for name in DOMAINS]).astype(np.int32),
        nll=rng.gamma(2, 0.8, n).astype(np.float32),
    )
    layers = tuple(
        layer(path, learned * tie, domain, rng, last=path == PATHS[-1])
        for path, tie in zip(PATHS, TIES, strict=True)
    )
    header = Header(
        run=run,
        checkpoint=step,
        design=design,
        seed=seed,
        domains=DOMAINS,
        tokens=n,
        layers=tuple(one.header for one in layers),
    )
    return Trace(header, tokens, layers)


def text(name: str, each: int, length: int) -> np.ndarray:
    """Windows of a domain's text, one after another."""
    source = np.frombuffer(TEXT[name] * (each * length), np.uint8)
    return source[: each * length]


def layer(path: str, tie: float, domain: np.ndarray, rng: np.random.Generator, *, last: bool) -> RoutedLayer:
    """Gumbel top-k around a preference of each domain."""
    logits = rng.gumbel(size=(len(domain), EXPERTS))
    logits[np.arange(len(domain)), (2 * domain) % EXPERTS] += tie
    if last:
        logits[:, EXPERTS - 1] = -np.inf
    expert = np.argsort(-logits, axis=1)[:, :K].astype(np.int16)
    return RoutedLayer(
        LayerHeader(path=path, experts=EXPERTS, k=K, expert_bytes=(49_152,) * EXPERTS),
        expert,
        np.tile(np.array([0.64, 0.36], np.float16), (len(domain), 1)),
        np.ones_like(expert, bool),
        rng.uniform(0.9, 1.6, len(domain)).astype(np.float32),
        rng.uniform(0.0, 0.4, len(domain)).astype(np.float32),
    )


def counted(found: Trace, path: str) -> np.ndarray:
    """Assignments [N, E] of a layer of a trace."""
    one = found.layer(path)
    return domain_expert(found.tokens.domain, one.expert, one.accepted, len(found.domains), one.experts)
