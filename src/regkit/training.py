"""What `regkit train` asks of a method that learns, and what it is told meanwhile."""

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
        Where checkpoints, the log, the curve and at last the weights go.
    preset
        Name of a set of choices: loss, optimiser, schedule, size of the network.
    resume
        Go on from the checkpoint in the folder; without it, a folder with one is refused.
    steps
        Number of steps in all; the preset's if None.
    start
        Weights to begin from: a name, or a ``.safetensors`` file with its card; random if empty.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    cache
        Folder for prepared cases, which trainings can share; one in `folder` if None.
    changes
        Choices that differ from the preset: name -> value.
    registry
        Where to look up datasets.
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
    """How far a training is.

    Parameters
    ----------
    stage
        What is being done, for people.
    done, total
        Of that stage.
    facts
        Numbers worth showing, such as the loss.
    """

    stage: str
    done: int
    total: int
    facts: Mapping[str, float] = field(default_factory=dict)


class Trainer(Protocol):
    """Trains a method; its name goes into `MethodSpec.trainer`."""

    def __call__(self, job: TrainingJob) -> Iterator[TrainingProgress]:
        """Train, and tell after every piece of work; at the end the weights are in the folder.

        Stopped at any moment, the checkpoint in the folder is whole.
        """
