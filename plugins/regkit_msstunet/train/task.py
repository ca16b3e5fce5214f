"""Training of the reorienters: the pose of the left ventricle, and its labels in that pose."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import ceil
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from regkit.datasets.case import Case
from regkit.errors import ParameterError
from regkit.geometry.grid import FloatArray
from regkit.geometry.volume import Volume
from regkit.learning import (
    Task,
    domain_features,
    measure_domain,
    train_method,
)
from regkit.learning.case_cache import Arrays, Facts
from regkit.learning.training_job import TrainingJob, TrainingProgress
from regkit_msstunet.card import ReorientationCard
from regkit_msstunet.catalogue import build_reorienter, check_network
from regkit_msstunet.geometry import cube
from regkit_msstunet.losses import (
    cross_entropy,
    deep_supervision_loss,
    point_distance_loss,
    reorientation_loss,
    threshold_loss,
)
from regkit_msstunet.networks.pose import NUMBERS
from regkit_msstunet.networks.reorienter import Reorienter
from regkit_msstunet.train.cases import (
    FRAME_MM,
    REFINEMENT,
    VentricleCase,
    cache_ventricle,
    read_ventricle,
)
from regkit_msstunet.train.config import ReorientationConfig
from regkit_msstunet.train.noise import NOISE_LEVELS, with_noise
from regkit_msstunet.train.pose_augmentation import PoseAugmentation, native_pose, sample_pose
from regkit_msstunet.train.pose_sampler import PoseSampler, ReorientationBatch
from regkit_msstunet.train.validation import validate_reorientation
from regkit_msstunet.ventricle_domain import ventricle_position
from regkit_ventricle.label_probabilities import MYOCARDIUM
from regkit_ventricle.labels import MM3_PER_ML

# Greatest number of cases on which the domain guard's ranges are measured; chosen by hand.
DOMAIN_CASES = 200


def train_reorienter(job: TrainingJob) -> Iterator[TrainingProgress]:
    """Train the reorientation of the left ventricle; a `regkit.learning.training_job.Trainer`."""
    return train_method(job, ReorientationTask)


class ReorientationTask(Task[ReorientationBatch]):
    """The task of a network that reorients and segments the left ventricle."""

    config_class = ReorientationConfig
    card_class = ReorientationCard
    must_match = ("grid_size", "spacing_mm", "intensity_gamma")
    logged_metrics = ("loss", "my_dice", "rot_mse")
    load_case = staticmethod(read_ventricle)
    data_aliases = {"both": "lv-spect,lv-pet"}  # noqa: RUF012 - a ClassVar of the base

    config: ReorientationConfig
    network: Reorienter

    def __init__(
        self,
        method: str,
        config: ReorientationConfig,
        cases: Sequence[VentricleCase],
        held_out: Sequence[VentricleCase],
        device: torch.device,
    ) -> None:
        self.mean_pose = mean_pose(config, cases)
        super().__init__(method, config, cases, held_out, device)
        outputs = output_sizes(self.network)
        self.train_sampler, self.validation_sampler = (
            PoseSampler(config, some, outputs, device) for some in (cases, held_out)
        )

    @classmethod
    def check(cls, job: TrainingJob, config: ReorientationConfig) -> None:
        """Refuse networks that cannot be built, and to keep a localizer that is not there."""
        check_network(config.network)
        if config.start_with != "localizer":
            return
        if not job.start:
            raise ParameterError(
                "start_with=localizer keeps that of weights; add --start NAME|FILE"
            )
        with torch.random.fork_rng(devices=[]):
            network = build_from_config(config, np.zeros(NUMBERS))
        if network.localiser is None:
            raise ParameterError(
                f"start_with=localizer keeps a localizer, and {config.network} has none; "
                "choose another network"
            )

    @staticmethod
    def cache_key(config: ReorientationConfig) -> Sequence[Any]:
        """Return the fields and constants that preprocessing depends on."""
        return [config.spacing_mm, config.intensity_gamma, FRAME_MM, REFINEMENT]

    @staticmethod
    def prepare_case(case: Case, config: ReorientationConfig) -> tuple[Arrays, Facts]:
        """Preprocess the moving image of a case and its labels."""
        return cache_ventricle(case, config.spacing_mm, config.intensity_gamma)

    def build_network(self) -> Reorienter:
        """Return the network with random weights, which predicts the mean pose."""
        return build_from_config(self.config, self.mean_pose)

    def initial_part(self) -> tuple[nn.Module, str]:
        """Return the network, or its localizer alone."""
        if self.config.start_with == "localizer":
            assert self.network.localiser is not None  # noqa: S101 - see `check`
            return self.network.localiser, "localiser."  # a key of the weights' files
        return super().initial_part()

    def batch(self, step: int, indices: Sequence[int]) -> ReorientationBatch:
        """Draw cases and resample them."""
        config = self.config
        fraction = (config.segmentation_batch_size or config.batch_size) / config.batch_size
        segmented = ceil(fraction * len(indices))
        augmentations = [
            sample_pose(
                config,
                self.train_sampler.cases,
                self.train_sampler.grid,
                self.mean_pose,
                seed,
                unaugmented=config.segment_unaugmented and number < segmented,
            )
            for number, seed in enumerate(self.case_seeds(step, indices))
        ]
        return self.train_sampler.batch(augmentations, segmented)

    def loss(self, batch: ReorientationBatch, step: int) -> Tensor:  # noqa: ARG002 - always the same
        """Return the sum of the pose losses and the segmentation losses."""
        network = self.network
        volume = batch.volume.contiguous(memory_format=torch.channels_last_3d)
        truth = batch.numbers
        estimates, context = network.locate(volume)
        numbers = estimates[-1]
        through = _segmenter_poses(network, numbers, truth, batch.teacher_forced)
        labeled = len(batch.labels[0])
        context = None if context is None else context[:labeled]
        config = self.config
        finest = 0 if config.deep_supervision else network.output_within(config.label_fov)
        logits = network.segment(volume[:labeled], through[:labeled], context, finest)
        loss = self.label_loss([one.float() for one in logits], batch.labels[finest:])
        if network.needs_pose:
            return loss
        return loss + self.pose_loss(volume, [one.float() for one in estimates], truth)

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return errors of pose and labels on the held-out cases."""
        sampler = self.validation_sampler
        return validate_reorientation(network, sampler, self.mean_pose, self.device)

    def card_fields(self) -> Mapping[str, Any]:
        """Return the fields of the card that say how the network is built and used."""
        names = ("network", "switches", "passes", "label_fov", *self.must_match)
        fields = {name: getattr(self.config, name) for name in names}
        return {**fields, "mean_pose": tuple(self.mean_pose.tolist())}

    def measured_fields(self) -> Mapping[str, Any]:
        """Return the domain of the moving images of training, ventricle included."""
        sampler = self.train_sampler
        cases = sampler.cases[:: max(1, len(sampler.cases) // DOMAIN_CASES)]
        examined, features = PoseSampler(self.config, cases, (), self.device), []
        for number, case in enumerate(cases):
            pose = native_pose(case, sampler.grid, self.config)
            array = examined.image(PoseAugmentation(number, pose)).cpu().numpy()
            image = domain_features(array, 0.0)
            features.append({k: image[k] for k in ("mean", "std")} | _ventricle_features(case))
        facts = [case.facts for case in self.cases]
        domain = measure_domain(features, facts, self.config.spacing_mm)
        return {"moving": replace(domain, modalities=tuple(sorted(domain.modalities)))}

    def aligned_images(self, count: int, *, held_out: bool) -> Iterator[Mapping[str, Volume]]:
        """Yield images as a first pass sees them, without noise and with."""
        sampler = self.validation_sampler if held_out else self.train_sampler
        grid, cases, gamma = sampler.grid, sampler.cases, self.config.intensity_gamma
        examined = PoseSampler(self.config, cases, (), self.device)
        step = -(-len(cases) * len(NOISE_LEVELS) // count)
        for number in range(0, len(cases), step):
            pose = native_pose(cases[number], grid, self.config)
            image = examined.image(PoseAugmentation(number, pose)).cpu().numpy()
            for level in NOISE_LEVELS:
                yield {"moving": Volume(with_noise(image, level, gamma, number), grid)}

    def label_loss(self, logits: Sequence[Tensor], labels: Sequence[Tensor]) -> Tensor:
        """Return the loss of the labels of all outputs, with the weights of the configuration."""
        loss: Tensor = deep_supervision_loss(logits, labels, self.config.class_weights)
        if self.config.cross_entropy_weight == 0:
            return loss
        return loss + self.config.cross_entropy_weight * cross_entropy(logits, labels)

    def pose_loss(self, volume: Tensor, estimates: Sequence[Tensor], truth: Tensor) -> Tensor:
        """Return the loss of the poses (batch, scales, 6), the mean over successive estimates."""
        losses: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
            "angles": partial(reorientation_loss, rotation_weight=self.config.rotation_weight),
            "point_distance": point_distance_loss,
        }
        pose_loss = losses[self.config.pose_loss]
        loss = torch.stack([pose_loss(numbers, truth) for numbers in estimates]).mean()
        if self.config.threshold_weight == 0:
            return loss
        zooms, stride = self.network.segmenter.views, self.config.threshold_stride
        thresholded = threshold_loss(volume, estimates[-1], truth, zooms, stride)
        return loss + self.config.threshold_weight * thresholded


def mean_pose(config: ReorientationConfig, cases: Sequence[VentricleCase]) -> FloatArray:
    """Return the mean native pose of cases, which an untrained network predicts."""
    grid = cube(config.grid_size, config.spacing_mm)
    poses = [native_pose(case, grid, config) for case in cases]
    return np.asarray(np.mean(poses, axis=0))


def build_from_config(config: ReorientationConfig, mean: FloatArray) -> Reorienter:
    """Build the network of a configuration with random weights.

    Parameters
    ----------
    config
        The configuration.
    mean
        Pose that the untrained network predicts.
    """
    switches = {**config.switches, "mean": mean.tolist()}
    return build_reorienter(config.grid_size, config.network, **switches)


def output_sizes(network: Reorienter) -> list[tuple[int, float]]:
    """Return the voxels a side and the zoom of each output of a network."""
    n = network.size.grid
    with torch.no_grad():
        shapes = [one.shape[-1] for one in network.eval()(torch.zeros(1, 1, n, n, n)).logits]
    return list(zip(shapes, network.zooms, strict=True))


def _segmenter_poses(
    network: Reorienter, numbers: Tensor, truth: Tensor, teacher_forced: Tensor
) -> Tensor:
    """Return the poses in which the segmenter sees the images, the localizer's or true ones."""
    true = truth[:, None].expand_as(numbers)
    if not network.joint:
        return true
    return torch.where(teacher_forced[:, None, None], true, numbers)


def _ventricle_features(case: VentricleCase) -> dict[str, float]:
    voxel_ml = float(np.prod(case.frame.spacing)) / MM3_PER_ML
    ventricle = case.truth.map_points((0.0, 0.0, 0.0)) - case.grid.centre
    return {
        "myocardium_ml": float((case.labels == MYOCARDIUM).sum()) * voxel_ml,
        **ventricle_position(ventricle, case.facts["center_of_mass_offset_mm"]),
    }
