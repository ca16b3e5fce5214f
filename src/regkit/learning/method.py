"""The base of methods that register by a trained network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from pathlib import Path
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
        Name of installed or shipped weights, or a ``.safetensors`` file with its card; of stages
        that register one after the other, several with ``+`` between.
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

        Where the images are aligned clearly worse than by the initial transform, or no better
        though they are unlike those of the training, that is returned, with a warning; see
        `regkit.learning.start_guard`.

        Raises
        ------
        MissingDependencyError, FileFormatError
            The weights are missing or cannot be used.
        ParameterError
            The device cannot be used.
        """
        estimate = self.infer(self.before_last_stage(pair), *self.loaded())
        if not self.compares_with_start:
            return estimate
        from regkit.learning.start_guard import guard_start  # noqa: PLC0415 - loads similarity

        return guard_start(pair, estimate)

    @property
    def stages(self) -> tuple[str, ...]:
        """The weights of each stage, in order; a file with a + in its name is one stage."""
        return (self.weights,) if Path(self.weights).is_file() else tuple(self.weights.split("+"))

    def before_last_stage(self, pair: Pair) -> Pair:
        """Return a pair as the last stage gets it: the result of those before is its start."""
        for name in self.stages[:-1]:
            found = self.infer(pair, *self.loaded(name))
            pair = replace(pair, initial=found.transform, initial_is_guess=False)
        return pair

    def loaded(self, weights: str = "") -> tuple[TrainedModel[Any], int]:
        """Return the network of a stage with its weights, and its number of passes.

        Parameters
        ----------
        weights
            Name or file of the weights; empty for those of the last stage.
        """
        from regkit.learning import model  # noqa: PLC0415 - loads torch

        trained = model.load_model(weights or self.stages[-1], self.card, self.device)
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
