"""A training from its cases to its weights: the loop around steps, checkpoints and log."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import torch

from regkit.errors import ParameterError
from regkit.io.folder_lock import only_process_in
from regkit.io.staging import discard_abandoned_below
from regkit.learning.checkpoint import CHECKPOINT_NAME
from regkit.learning.device import device_named
from regkit.learning.distributed import DistributedContext
from regkit.learning.log import write_log
from regkit.learning.task import Task
from regkit.learning.training_cases import build_caches, open_case_caches
from regkit.learning.training_config import TrainingConfig, read_training_config
from regkit.learning.training_job import TrainingJob, TrainingProgress
from regkit.learning.training_state import Training
from regkit.weights import Weights, open_weights

# Columns of the log that are no scores of validation.
NO_SCORES = frozenset({"step", "loss", "learning_rate", "seconds"})


def train_method(job: TrainingJob, task: type[Task[Any]]) -> Iterator[TrainingProgress]:
    """Train a method: the body of a `regkit.learning.training_job.Trainer`.

    Parameters
    ----------
    job
        The training as the command line asks for it.
    task
        Class of the method's task.

    Returns
    -------
    iterator of TrainingProgress
        Trains while it is iterated, an item for every preprocessed case and every step; at the
        end the weights are in the folder.

    Raises
    ------
    ParameterError
        The configuration or the device cannot be used, or the folder holds another training.
    FileFormatError
        A dataset, a checkpoint, or initial weights that cannot be used.
    MissingDependencyError
        There are no initial weights of this name.
    OutputError
        The folder cannot be written, or another process is training in it.
    """
    config, parameters = read_training_config(task.config_class, task.card_class.package, job)
    task.check(job, config)
    if (job.folder / CHECKPOINT_NAME).exists() and not job.resume:
        raise ParameterError(
            f"{job.folder} holds a training already; add --resume to go on, or choose another"
        )
    return _run(job, task, config, parameters)


def _run(
    job: TrainingJob,
    task: type[Task[Any]],
    config: TrainingConfig,
    parameters: Mapping[str, Mapping[str, Any]],
) -> Iterator[TrainingProgress]:
    device = _own_device(job.device)
    start = _initial_weights(job)
    context = DistributedContext.init(device)
    with ExitStack() as held:
        held.callback(context.shutdown)
        caches = open_case_caches(job, task, config, parameters)
        if context.is_main:
            held.enter_context(only_process_in(job.folder, "training"))
            discard_abandoned_below(job.folder)
            yield from build_caches(caches)
        context.barrier()
        cases, held_out = (
            [task.load_case(*stored) for cache in some for stored in cache.load()]
            for some in (caches.train, caches.validation)
        )
        one = task(job.method, config, cases, held_out, device)
        if start:
            one.start_from(start)
        yield from _train(job, Training(one, context, _origin(job, start)))


def command_line(job: TrainingJob) -> str:
    """Return the command line that repeats a training."""
    words = ["regkit", "train", job.method, "--data", job.data, "--preset", job.preset]
    words += ["--start", job.start] if job.start else []
    words += [] if job.steps is None else ["--steps", str(job.steps)]
    for key, value in job.changes.items():
        words += ["--set", f"{key}={list(value) if isinstance(value, tuple) else value}"]
    return shlex.join([*words, "-o", "DIR"])


def _train(job: TrainingJob, training: Training[Any]) -> Iterator[TrainingProgress]:
    config, task, is_main = training.config, training.task, training.context.is_main
    if (job.folder / CHECKPOINT_NAME).exists():
        training.restore(job.folder)
    while training.global_step < config.steps:
        training.step()
        at_end = training.global_step == config.steps
        if is_main and (at_end or training.global_step % config.checkpoint_every == 0):
            training.save(job.folder)
            write_log(job.folder, training.rows, _facts(job, training), task.logged_metrics)
        step, device = training.global_step, str(training.device)
        yield TrainingProgress("steps", step, config.steps, training.latest, device)
    if is_main:
        task.export(job.folder, training.ema_or_model, _about(job, training))


def _initial_weights(job: TrainingJob) -> Weights | None:
    """Return the weights to start from, verified against their card."""
    if not job.start:
        return None
    weights = open_weights(job.start, job.registry.method(job.method).spec.weights)
    weights.verify()
    return weights


def _origin(job: TrainingJob, start: Weights | None) -> dict[str, Any]:
    """Return the facts that a resumed training must have in common with its checkpoint."""
    origin: dict[str, Any] = {"method": job.method, "data": job.data}
    if start:
        about = start.card.get("about") or {}
        history = {key: about[key] for key in ("command", "start") if key in about}
        origin["start"] = {"sha256": start.card["sha256"], **history}
    return origin


def _own_device(name: str) -> torch.device:
    """Return a device; of several GPUs that torchrun gave a process each, this process's."""
    local = os.environ.get("LOCAL_RANK", "0")
    if name in {"auto", "cuda"} and torch.cuda.is_available():
        torch.cuda.set_device(int(local))
        return torch.device("cuda", int(local))
    return device_named(name)


def _facts(job: TrainingJob, training: Training[Any]) -> dict[str, Any]:
    """Return the facts of a training for its log."""
    on_gpu = training.device.type == "cuda"
    memory = torch.cuda.max_memory_allocated(training.device) / 2**20 if on_gpu else 0.0
    return {
        "command": command_line(job),
        "preset": training.config.to_json(),
        "torch": torch.__version__,
        "device": str(training.device),
        "device_name": torch.cuda.get_device_name(training.device) if on_gpu else "",
        "threads": torch.get_num_threads(),
        "processes": training.context.world_size,
        "parameters": sum(p.numel() for p in training.network.parameters()),
        "seconds": training.seconds,
        "seconds_per_step": training.seconds / max(training.global_step, 1),
        "gpu_memory_mb": memory,
    }


def _about(job: TrainingJob, training: Training[Any]) -> dict[str, Any]:
    """Return the facts of a training for the card, with the last scores of validation."""
    rows = ({k: v for k, v in row.items() if k not in NO_SCORES} for row in training.rows[::-1])
    return {
        "command": command_line(job),
        "data": job.data,
        "steps": training.global_step,
        "licence": "Apache-2.0",
        "device": _facts(job, training)["device_name"] or "CPU",
        **{key: value for key, value in training.origin.items() if key == "start"},
        "scores": {"validation": next((row for row in rows if row), {})},
    }
