"""The task of a training: a network, its batches, its loss and its validation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor, nn

from regkit.datasets.case import Case
from regkit.errors import FileFormatError
from regkit.geometry.volume import Volume
from regkit.learning.appearance import Appearance
from regkit.learning.appearance_guard import measure_appearance_limits
from regkit.learning.cached_pair import read_pair
from regkit.learning.card import ModelCard
from regkit.learning.case_cache import Arrays, Facts
from regkit.learning.export import write_weights
from regkit.learning.model import load_state
from regkit.learning.training_config import TrainingConfig
from regkit.learning.training_job import TrainingJob
from regkit.weights import Weights

B = TypeVar("B")
# Cases to train on and to validate with from which the look of images is learned; chosen by hand.
APPEARANCE_CASES, HELD_OUT_CASES = 400, 200


class Task(ABC, Generic[B]):
    """The training task of a method, which `regkit.learning.train_method` runs.

    A method's task sets the class attributes and implements the abstract methods.

    Parameters
    ----------
    method
        Name of the method.
    config
        Configuration of the training, of type `config_class`.
    cases, held_out
        Results of `load_case`: cases to train on, and cases to validate with.
    device
        Device that the network computes on.
    """

    config_class: ClassVar[type[TrainingConfig]]
    card_class: ClassVar[type[ModelCard]]
    # Fields of the card of initial weights that must equal those of this training.
    must_match: ClassVar[tuple[str, ...]] = ()
    # Columns of the log that are shown during training and drawn in the curve.
    logged_metrics: ClassVar[tuple[str, ...]] = ("loss",)
    # Names that stand for several datasets, with commas between them.
    data_aliases: ClassVar[Mapping[str, str]] = {}

    def __init__(
        self,
        method: str,
        config: Any,
        cases: Sequence[Any],
        held_out: Sequence[Any],
        device: torch.device,
    ) -> None:
        self.method, self.config, self.device = method, config, device
        self.cases, self.held_out = cases, held_out
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.network = self.build_network()

    @classmethod
    def check(cls, job: TrainingJob, config: Any) -> None:
        """Refuse a training that cannot work, before any case is preprocessed."""

    @staticmethod
    def cache_key(config: Any) -> Sequence[Any]:
        """Return all of the configuration that `prepare_case` depends on, as plain data.

        By default all fields that the method adds to `TrainingConfig`.
        """
        return [v for k, v in config.to_json().items() if not hasattr(TrainingConfig, k)]

    @staticmethod
    @abstractmethod
    def prepare_case(case: Case, config: Any) -> tuple[Arrays, Facts]:
        """Preprocess a case once: return arrays by name, and plain data about them."""

    @staticmethod
    def load_case(tensors: Mapping[str, Tensor], facts: Facts) -> Any:
        """Return a case of the cache in the form that `batch` uses; by default a `CachedPair`."""
        return read_pair(tensors, facts)

    @abstractmethod
    def build_network(self) -> nn.Module:
        """Return the network with random weights; torch is seeded already."""

    @abstractmethod
    def batch(self, step: int, indices: Sequence[int]) -> B:
        """Return a part of a step's batch; runs on another thread, during the previous step.

        Parameters
        ----------
        step
            Number of the step, from 0.
        indices
            Indices within the batch; everything random must be seeded with `case_seeds`, so that
            resumed and distributed trainings see the same cases.
        """

    @abstractmethod
    def loss(self, batch: B, step: int) -> Tensor:
        """Return the loss of the network, a scalar; autocast and gradients are the loop's."""

    @abstractmethod
    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return scores of a network in evaluation mode on the held-out cases, always the same."""

    @abstractmethod
    def card_fields(self) -> Mapping[str, Any]:
        """Return the fields of the card that say how the network is built and used."""

    def measured_fields(self) -> Mapping[str, Any]:
        """Return the fields of the card that are measured on the cases when training has ended."""
        return {}

    def aligned_images(self, count: int, *, held_out: bool) -> Iterator[Mapping[str, Volume]]:
        """Yield images as a right result aligns them for the network, by role; by default none.

        Parameters
        ----------
        count
            Greatest number of cases.
        held_out
            Whether to take cases to validate with instead of those to train on.
        """
        del count, held_out
        return iter(())

    def appearance(self) -> Appearance | None:
        """Return how the images of training look; None without `aligned_images`."""
        train = list(self.aligned_images(APPEARANCE_CASES, held_out=False))
        if not train:
            return None
        held_out = self.aligned_images(HELD_OUT_CASES, held_out=True)
        return measure_appearance_limits(train, held_out)

    def final_fields(self, network: nn.Module, about: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the fields of the card that depend on the trained network.

        Parameters
        ----------
        network
            The trained network.
        about
            Facts for people that the loop knows.
        """
        del network
        return {"about": about}

    def initial_part(self) -> tuple[nn.Module, str]:
        """Return the part of the network that initial weights go into, and its tensors' prefix."""
        return self.network, ""

    def case_seeds(self, step: int, indices: Sequence[int]) -> list[tuple[int, int, int]]:
        """Return a seed for each index within a step's batch."""
        return [(self.config.seed, step, index) for index in indices]

    def start_from(self, weights: Weights) -> None:
        """Load initial weights before the first step.

        Raises
        ------
        FileFormatError
            The weights are of another network, or were trained for other inputs or outputs.
        """
        card = self.card_class.from_json(weights.card, weights.file)
        ours = self.card_fields()
        for name in self.must_match:
            theirs = getattr(card, name)
            if theirs != ours[name]:
                raise FileFormatError(
                    f"{weights.file} cannot initialize this training: {name} {theirs} on its "
                    f"card, {ours[name]} in this training"
                )
        part, prefix = self.initial_part()
        load_state(part, weights.file, card.network, prefix)

    def export(self, folder: Path, network: nn.Module, about: Mapping[str, Any]) -> None:
        """Write the weights and their card, both or neither.

        Parameters
        ----------
        folder
            Folder of both files.
        network
            The trained network.
        about
            Facts for people that the loop knows: data, command, scores.
        """
        about = {**about, "cases": len(self.cases)}
        fields = {
            **self.card_fields(),
            **self.measured_fields(),
            "appearance": self.appearance(),
            **self.final_fields(network, about),
        }
        card = self.card_class(method=self.method, **fields)
        write_weights(folder, self.method, network, card.to_json())
