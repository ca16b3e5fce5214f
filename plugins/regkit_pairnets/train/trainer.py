"""The training of all learned rigid methods."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from typing import Any

import torch

from regkit.errors import ParameterError
from regkit.training import Progress, TrainingJob
from regkit_pairnets.device import device_named
from regkit_pairnets.train.checkpoint import NAME
from regkit_pairnets.train.export import export
from regkit_pairnets.train.log import write_log
from regkit_pairnets.train.pool import open_pools
from regkit_pairnets.train.preset import Preset, read_preset
from regkit_pairnets.train.processes import Crew
from regkit_pairnets.train.training import Training, plain
from regkit_pairnets.train.views import Views

# What may change when a training goes on: none of it moves the curve.
FREE = {"workers", "validate_every", "checkpoint_every"}


def train(job: TrainingJob) -> Iterator[Progress]:
    """Train a method; a `regkit.training.Trainer`.

    Raises
    ------
    ParameterError
        Unknown choices, or a folder that holds another training.
    FileFormatError
        A dataset or a checkpoint that cannot be read.
    OutputError
        The folder cannot be written.
    """
    preset, parameters = read_preset(job.preset, job.method, job.changes)
    if job.steps is not None:
        preset = dataclasses.replace(preset, steps=job.steps)
    if (job.folder / NAME).exists() and not job.resume:
        raise ParameterError(
            f"{job.folder} holds a training already; add --resume to go on, or choose another"
        )
    device = _own(device_named(job.device))
    crew = Crew.assemble(device)
    try:
        yield from _train(job, preset, parameters, device, crew)
    finally:
        crew.leave()


def command(job: TrainingJob) -> str:
    """Return the command line that does a training again."""
    changes = "".join(f" --set {key}={value}" for key, value in job.changes.items())
    steps = "" if job.steps is None else f" --steps {job.steps}"
    return (
        f"regkit train {job.method} --data {job.data} --preset {job.preset}{steps}{changes} -o DIR"
    )


def _train(
    job: TrainingJob,
    preset: Preset,
    parameters: dict[str, dict[str, Any]],
    device: torch.device,
    crew: Crew,
) -> Iterator[Progress]:
    pools = open_pools(job, preset, parameters)
    if crew.writes:
        for pool, words in zip(pools, ("cases to learn from", "cases to validate"), strict=True):
            yield from pool.fill(words)
    crew.wait()
    views, held_out = (Views(preset, pool.load()) for pool in pools)
    training = Training(job.method, views, held_out, device, crew)
    if (job.folder / NAME).exists():
        _check_same(training.restore(job.folder), preset, job)
    while training.step < preset.steps:
        training.advance()
        at_end = training.step == preset.steps
        if crew.writes and (at_end or training.step % preset.checkpoint_every == 0):
            training.save(job.folder)
            write_log(job.folder, training.rows, _facts(job, preset, training))
        yield Progress("steps", training.step, preset.steps, training.latest)
    if crew.writes:
        export(job.folder, job.method, training.kept, views, _about(job, training))


def _own(device: torch.device) -> torch.device:
    """Return this process's GPU, of several that torchrun gave a process each."""
    if device.type == "cuda" and device.index is None and "LOCAL_RANK" in os.environ:
        return torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    return device


def _check_same(facts: dict[str, Any], preset: Preset, job: TrainingJob) -> None:
    there, wanted = facts["preset"], plain(preset)
    different = [
        f"{key} {there.get(key)}, not {value}"
        for key, value in wanted.items()
        if key not in FREE and there.get(key) != value
    ]
    if different:
        raise ParameterError(
            f"{job.folder} holds another training ({', '.join(different)}); go on as it began, "
            "or choose another folder"
        )


def _facts(job: TrainingJob, preset: Preset, training: Training) -> dict[str, Any]:
    """Return what is worth knowing of a training besides its curve."""
    on_gpu = training.device.type == "cuda"
    memory = torch.cuda.max_memory_allocated(training.device) / 2**20 if on_gpu else 0.0
    return {
        "command": command(job),
        "preset": plain(preset),
        "torch": torch.__version__,
        "device": str(training.device),
        "threads": torch.get_num_threads(),
        "processes": training.crew.size,
        "parameters": sum(p.numel() for p in training.network.parameters()),
        "seconds": training.seconds,
        "seconds_per_step": training.seconds / max(training.step, 1),
        "gpu_memory_mb": memory,
    }


def _about(job: TrainingJob, training: Training) -> dict[str, Any]:
    validation = next((r for r in reversed(training.rows) if "dt_mm" in r), {})
    return {
        "command": command(job),
        "data": job.data,
        "cases": len(training.views.cases),
        "steps": training.step,
        "licence": "Apache-2.0",
        "scores": {"validation": {k: v for k, v in validation.items() if k[:2] in {"dt", "dr"}}},
    }
