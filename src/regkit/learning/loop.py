"""A training from its first step, or its last checkpoint, to weights."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeAlias, TypeVar

import torch

from regkit.errors import ParameterError
from regkit.learning.checkpoint import NAME
from regkit.learning.device import device_named
from regkit.learning.distributed import Crew
from regkit.learning.log import write_log
from regkit.learning.task import Task
from regkit.learning.training_state import Training
from regkit.training import TrainingJob, TrainingProgress
from regkit.weights import Weights, open_weights

B = TypeVar("B")
# Gets cases ready, telling how far it is, and returns the task.
Prepare: TypeAlias = Callable[[torch.device, Crew], Generator[TrainingProgress, None, Task[B]]]


def run(job: TrainingJob, prepare: Prepare[B]) -> Iterator[TrainingProgress]:
    """Train: the body of a `regkit.training.Trainer`.

    Parameters
    ----------
    job
        As the trainer got it.
    prepare
        A generator function that returns the task, given the device and the processes that train
        together; only the one that writes should fill folders, and then all wait.

    Raises
    ------
    ParameterError
        The folder holds another training, or the device cannot be used.
    FileFormatError
        A checkpoint or weights to begin from that cannot be used.
    MissingDependencyError
        There are no weights of the name to begin from.
    OutputError
        The folder cannot be written.
    """
    if (job.folder / NAME).exists() and not job.resume:
        raise ParameterError(
            f"{job.folder} holds a training already; add --resume to go on, or choose another"
        )
    device = _own_device(job.device)
    start = _start(job)
    crew = Crew.assemble(device)
    try:
        task = yield from prepare(device, crew)
        if start:
            task.start_from(start)
        yield from _train(job, Training(task, crew, _origin(job, start)))
    finally:
        crew.leave()


def command(job: TrainingJob) -> str:
    """Return the command line that does a training again."""
    words = ["regkit", "train", job.method, "--data", job.data, "--preset", job.preset]
    words += ["--start", job.start] if job.start else []
    words += [] if job.steps is None else ["--steps", str(job.steps)]
    for key, value in job.changes.items():
        words += ["--set", f"{key}={list(value) if isinstance(value, tuple) else value}"]
    return shlex.join([*words, "-o", "DIR"])


def _train(job: TrainingJob, training: Training[B]) -> Iterator[TrainingProgress]:
    course, task = training.course, training.task
    if (job.folder / NAME).exists():
        training.restore(job.folder)
    while training.step < course.steps:
        training.advance()
        at_end = training.step == course.steps
        if training.crew.writes and (at_end or training.step % course.checkpoint_every == 0):
            training.save(job.folder)
            write_log(job.folder, training.rows, _facts(job, training), task.shown)
        yield TrainingProgress("steps", training.step, course.steps, training.latest)
    if training.crew.writes:
        task.export(job.folder, training.kept, _about(job, training))


def _start(job: TrainingJob) -> Weights | None:
    """Return the weights to begin from, once they are known to be those of their card."""
    if not job.start:
        return None
    weights = open_weights(job.start, job.registry.method(job.method).spec.weights)
    weights.verify()
    return weights


def _origin(job: TrainingJob, start: Weights | None) -> dict[str, Any]:
    """Return what a training is of besides its choices: it can only go on with the same."""
    origin: dict[str, Any] = {"method": job.method, "data": job.data}
    if start:
        about = start.card.get("about") or {}
        told = {key: about[key] for key in ("command", "start") if key in about}
        origin["start"] = {"sha256": start.card["sha256"], **told}
    return origin


def _own_device(name: str) -> torch.device:
    """Return a device; of several GPUs that torchrun gave a process each, this process's."""
    local = os.environ.get("LOCAL_RANK", "0")
    if name in {"auto", "cuda"} and torch.cuda.is_available():
        torch.cuda.set_device(int(local))
        return torch.device("cuda", int(local))
    return device_named(name)


def _facts(job: TrainingJob, training: Training[Any]) -> dict[str, Any]:
    """Return what is worth knowing of a training besides its curve."""
    on_gpu = training.device.type == "cuda"
    memory = torch.cuda.max_memory_allocated(training.device) / 2**20 if on_gpu else 0.0
    return {
        "command": command(job),
        "preset": training.course.plain(),
        "torch": torch.__version__,
        "device": str(training.device),
        "device_name": torch.cuda.get_device_name(training.device) if on_gpu else "",
        "threads": torch.get_num_threads(),
        "processes": training.crew.size,
        "parameters": sum(p.numel() for p in training.network.parameters()),
        "seconds": training.seconds,
        "seconds_per_step": training.seconds / max(training.step, 1),
        "gpu_memory_mb": memory,
    }


def _about(job: TrainingJob, training: Training[Any]) -> dict[str, Any]:
    """Return what a card says of a training; scores are the last ones of validation."""
    rest = {"step", "loss", "rate", "seconds"}
    rows = ({k: v for k, v in row.items() if k not in rest} for row in reversed(training.rows))
    return {
        "command": command(job),
        "data": job.data,
        "steps": training.step,
        "licence": "Apache-2.0",
        "device": _facts(job, training)["device_name"] or "CPU",
        **{key: value for key, value in training.origin.items() if key == "start"},
        "scores": {"validation": next((row for row in rows if row), {})},
    }
