"""Training in stages: a network learns the motions that trained networks before it leave.

Guo et al. 2020 (MSReg) and Song et al. 2022 register in stages, each with weights of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from regkit.errors import ParameterError
from regkit.geometry.transform import IDENTITY, AffineTransform
from regkit.learning import TrainedModel, load_model
from regkit_pairnets.card import PairNetCard
from regkit_pairnets.train.augmentation import Augmentation, residual_augmentation
from regkit_pairnets.train.batch_sampler import BatchSampler
from regkit_pairnets.train.config import PairNetConfig

# Fields of a card that must equal those of the training: both see the same images.
SEEN_ALIKE = ("shape_zyx", "spacing", "parameterization", "input_order")


class PreviousStages:
    """The stages before the one in training, each with its passes.

    Parameters
    ----------
    config
        Configuration of the training.
    device
        Device that the networks compute on.

    Raises
    ------
    ParameterError
        A stage sees other images than the one in training.
    MissingDependencyError, FileFormatError
        There are no such weights, or they cannot be used.
    """

    def __init__(self, config: PairNetConfig, device: torch.device) -> None:
        names = config.previous_stages.split("+") if config.previous_stages else []
        self.models = [load_model(name, PairNetCard, device) for name in names]
        for name, model in zip(names, self.models, strict=True):
            _check_seen_alike(name, model, config)

    def found(
        self, sampler: BatchSampler, augmentations: Sequence[Augmentation]
    ) -> list[AffineTransform]:
        """Return the part of each motion that the stages find."""
        found = [IDENTITY] * len(augmentations)
        for model in self.models:
            for _ in range(model.card.passes):
                scale = model.card.output_scale
                found = corrected(model.network, sampler, augmentations, found, scale)
        return found

    def rest(
        self, sampler: BatchSampler, augmentations: Sequence[Augmentation]
    ) -> list[Augmentation]:
        """Return cases as they are after the stages, whose network is yet to learn the rest."""
        if not self.models:
            return list(augmentations)
        found = self.found(sampler, augmentations)
        return [residual_augmentation(a, f) for a, f in zip(augmentations, found, strict=True)]


def corrected(
    network: nn.Module,
    sampler: BatchSampler,
    augmentations: Sequence[Augmentation],
    found: Sequence[AffineTransform],
    output_scale: Sequence[float],
) -> list[AffineTransform]:
    """Correct the maps found so far by a network's estimate of the residual motions.

    Parameters
    ----------
    network
        Network in evaluation mode.
    sampler
        Sampler of the cases, on the device of the network.
    augmentations
        Cases with their motions.
    found
        Part of each motion that is known.
    output_scale
        Factors from the network's outputs to the numbers of the parameterization.
    """
    config, better = sampler.config, []
    for start in range(0, len(augmentations), config.batch_size):
        part = slice(start, start + config.batch_size)
        pairs = zip(augmentations[part], found[part], strict=True)
        input_a, input_b = sampler.inputs([residual_augmentation(a, f) for a, f in pairs])
        with torch.inference_mode():
            outputs: Tensor = network(input_a, input_b)
        numbers = outputs.double().cpu().numpy() * output_scale
        for known, six in zip(found[part], numbers, strict=True):
            step = config.parameterization.to_transform(six, sampler.grid)
            better.append(AffineTransform(known.matrix @ step.matrix))
    return better


def _check_seen_alike(name: str, model: TrainedModel[PairNetCard], config: PairNetConfig) -> None:
    for field in SEEN_ALIKE:
        theirs, ours = getattr(model.card, field), getattr(config, field)
        if theirs != ours:
            raise ParameterError(
                f"previous_stages: {name} cannot be a stage before this one: its {field} is "
                f"{theirs}, that of this training {ours}"
            )
