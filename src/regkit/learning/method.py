"""The base of methods that register by a trained network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from regkit.errors import ParameterError
from regkit.learning.card import MAX_PASSES, ModelCard
from regkit.registrar import Estimate, Pair

if TYPE_CHECKING:
    from regkit.learning.model import TrainedModel


@dataclass(frozen=True)
class LearnedMethod(ABC):
    """Base of registrars that have weights, passes and a device; torch is imported on use.

    A method sets `card` and the default of `weights`, and implements `infer`.

    Parameters
    ----------
    weights
        Name of installed or shipped weights, or a ``.safetensors`` file with its card.
    passes
        Number of passes of the network; ``auto`` for that of the card.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises
    ------
    ParameterError
        A value is out of range.
    """

    card: ClassVar[type[ModelCard]]
    """Class of the card of its weights."""
    compares_with_start: ClassVar[bool] = True
    """False for a method whose images have no similarity that tells right from wrong."""

    weights: str = ""
    passes: Literal["auto"] | int = "auto"
    device: str = "auto"

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        if self.passes != "auto" and not 1 <= self.passes <= MAX_PASSES:
            raise ParameterError(f"passes takes auto, or 1 to {MAX_PASSES}, got {self.passes}")
        if not self.weights:
            raise ParameterError("weights takes a name or a .safetensors file, got nothing")

    def register(self, pair: Pair) -> Estimate:
        """Return the transform that the network finds, the initial transform included.

        Where the images are aligned clearly worse than by the initial transform, that is returned,
        with a warning; see `regkit.learning.start_guard`.

        Raises
        ------
        MissingDependencyError, FileFormatError
            The weights are missing or cannot be used.
        ParameterError
            The device cannot be used.
        """
        estimate = self.infer(pair, *self.loaded())
        if not self.compares_with_start:
            return estimate
        from regkit.learning.start_guard import guard_start  # noqa: PLC0415 - loads similarity

        return guard_start(pair, estimate)

    def loaded(self) -> tuple[TrainedModel[Any], int]:
        """Return the network with its weights, and the number of passes; errors as `register`."""
        from regkit.learning import model  # noqa: PLC0415 - loads torch

        trained = model.load_model(self.weights, self.card, self.device)
        return trained, trained.card.passes if self.passes == "auto" else self.passes

    @abstractmethod
    def infer(self, pair: Pair, trained: TrainedModel[Any], passes: int) -> Estimate:
        """Register a pair with loaded weights; torch may be imported here.

        Parameters
        ----------
        pair
            The images.
        trained
            The network and its card.
        passes
            Number of passes.
        """
