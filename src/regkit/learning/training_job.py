"""The contract between `regkit train` and a method: a job in, progress out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from regkit.registry import Registry


@dataclass(frozen=True)
class TrainingJob:
    """One training, as the command line asks for it.

    Parameters
    ----------
    method
        Name of the method.
    data
        Name of a dataset that a plugin offers, or a dataset folder.
    folder
        Folder of checkpoints, log and curve, and of the weights at the end.
    preset
        Name of a set of values: loss, optimizer, schedule, size of the network.
    resume
        Whether to go on from the checkpoint in the folder; if not, a folder with one is refused.
    steps
        Total number of steps; the preset's if None.
    start
        Initial weights: a name, or a ``.safetensors`` file with its card; random if empty.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    cache
        Folder of preprocessed cases, which trainings can share; one in `folder` if None.
    changes
        Values that differ from the preset: key -> value.
    registry
        Registry of methods and datasets.
    """

    method: str
    data: str
    folder: Path
    registry: Registry
    preset: str = "fast"
    resume: bool = False
    steps: int | None = None
    start: str = ""
    device: str = "auto"
    cache: Path | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainingProgress:
    """The progress of a training.

    Parameters
    ----------
    stage
        Name of the current work, for people.
    done, total
        Numbers of pieces of that work that are done, and in all.
    facts
        Numbers to show, such as the loss.
    device
        Device that steps of the optimizer compute on, as torch names it; empty for other work.
    """

    stage: str
    done: int
    total: int
    facts: Mapping[str, float] = field(default_factory=dict)
    device: str = ""


class Trainer(Protocol):
    """Trains a method; its name goes into `MethodSpec.trainer`."""

    def __call__(self, job: TrainingJob) -> Iterator[TrainingProgress]:
        """Train, yielding after every piece of work; at the end the weights are in the folder.

        Stopped at any moment, it leaves a complete checkpoint in the folder.
        """
