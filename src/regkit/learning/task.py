"""What a training is about: what a method has to say to have a trainer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor, nn

from regkit.learning.restore import restored
from regkit.learning.training_config import Course
from regkit.weights import Weights

B = TypeVar("B")


class Task(ABC, Generic[B]):
    """A network, where its batches come from, what is lost, and what is worth keeping.

    Parameters
    ----------
    course
        How the training goes on.
    network
        To be trained; the loop moves it to the device.
    device
        Where to compute.
    """

    # Columns of the log that a person should see while it goes on, and in the picture.
    shown: ClassVar[tuple[str, ...]] = ("loss",)

    def __init__(self, course: Course, network: nn.Module, device: torch.device) -> None:
        self.course, self.network, self.device = course, network, device

    def start_from(self, weights: Weights) -> None:
        """Put weights into the network before its first step.

        Raises
        ------
        FileFormatError
            They are of another network.
        """
        restored(self.network, weights.file, str(weights.card.get("network", weights.method)))

    @abstractmethod
    def batch(self, step: int, places: Sequence[int]) -> B:
        """Make these places of a step's batch; nothing but their numbers may decide what is drawn.

        Runs beside the step before, on another thread.
        """

    @abstractmethod
    def loss(self, batch: B, step: int) -> Tensor:
        """Return the loss of the network, a scalar; autocast and gradients are the loop's."""

    @abstractmethod
    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Score a network, in evaluation mode, on cases it never learns from, always the same."""

    @abstractmethod
    def export(self, folder: Path, network: nn.Module, about: Mapping[str, Any]) -> None:
        """Write the weights and their card, whole or not at all."""
