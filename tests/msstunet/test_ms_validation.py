"""Validation looks as use does: the same images, look by look, and the same pose in the end."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lv_phantom import GRIDS, NUMBERS, Phantom, pose_on
from regkit.learning import ImageDomain, TrainedModel
from regkit.learning.case_cache import CaseCache
from regkit_msstunet import inference
from regkit_msstunet.card import ReorientationCard
from regkit_msstunet.geometry import cube, pose_numbers
from regkit_msstunet.networks.reorienter import Reorienter
from regkit_msstunet.train.cases import VentricleCase, cache_ventricle, read_ventricle
from regkit_msstunet.train.config import ReorientationConfig
from regkit_msstunet.train.pose_augmentation import native_pose
from regkit_msstunet.train.pose_sampler import PoseSampler
from regkit_msstunet.train.validation import validate_reorientation

pytestmark = pytest.mark.training

LOOKS = 3
CHOICES = ReorientationConfig(grid_size=48, spacing_mm=6.8, intensity_gamma=0.5, passes=LOOKS)
USUAL = np.add(NUMBERS, (0.05, -0.04, 0.03, 0.02, -0.01, 0.03))
# What the network says in each look, whatever it sees.
ERRORS = (
    (0.1, 0.2, -0.1, 0.03, 0.0, 0.1),
    (0.0, 0.1, 0.05, 0.01, 0.02, 0.0),
    (-0.03, 0.0, 0.02, 0.0, 0.01, -0.01),
)
SAID = np.add(NUMBERS, ERRORS)


def read_cases(pool: CaseCache) -> list[VentricleCase]:
    return [read_ventricle(*stored) for stored in pool.load()]


class Says:
    """A network that keeps what it is shown and says what it was told to."""

    needs_pose = False

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []

    def eval(self) -> "Says":
        return self

    zooms = (1.0,)

    def output_within(self, zoom):
        return 0

    def locate(self, volume):
        said = torch.tensor(SAID[len(self.seen)], dtype=torch.float32)
        self.seen.append(volume[0, 0].numpy().copy())
        return [said.expand(1, 3, 6)], None

    def segment(self, volume, numbers, context, finest=0):
        return (torch.zeros(1, 3, *volume.shape[2:]),)


@pytest.mark.parametrize("kind", list(GRIDS))
def test_validation_looks_as_use_does(tmp_path, kind) -> None:
    case = Phantom(GRIDS[kind], pose_on(GRIDS[kind])).case()
    pool = CaseCache([case], tmp_path, lambda one: cache_ventricle(one, 6.8, 0.5))
    list(pool.build("cases"))
    cases = read_cases(pool)
    validated, used = Says(), Says()
    views = PoseSampler(CHOICES, cases, [(48, 1.0)])
    scores = validate_reorientation(validated, views, USUAL, torch.device("cpu"))
    extent = tuple(np.ptp(case.pair.moving.grid.corners(), axis=0).tolist())
    anything = dict.fromkeys(("mean", "std", "myocardium_ml", "voxel_mm"), (-1e9, 1e9))
    six = tuple(USUAL.tolist())
    card = ReorientationCard(
        method="says",
        network="ms-st-unet",
        switches={},
        grid_size=48,
        spacing_mm=6.8,
        intensity_gamma=0.5,
        mean_pose=six,
        moving=ImageDomain(modalities=("pet",), extent_mm=extent, ranges=anything),
        passes=LOOKS,
    )
    trained = TrainedModel(used, card, torch.device("cpu"))
    found = inference.reorient(case.pair, trained, card.passes)
    assert len(used.seen) == len(validated.seen) == LOOKS
    for one, other in zip(validated.seen, used.seen, strict=True):
        apart = np.abs(one - other)
        # Kept in 255ths; within half a voxel of the border one fades and the other does not.
        assert np.percentile(apart, 98) < 0.005
    # The error that validation reports is that of the pose which use returns.
    grid = cube(48, 6.8, case.pair.moving.grid.centre)
    origin = case.pair.fixed.grid.centre
    centred = np.eye(4)
    centred[:3, 3] = origin
    pose = type(found.transform)(found.transform.matrix @ centred)
    own = native_pose(cases[0], views.grid, CHOICES)
    error = pose_numbers(pose, grid, own[:3]) - own
    assert scores["rot_mse"] == pytest.approx((error[:3] ** 2).mean(), rel=1e-4)
    first = SAID[0] - own
    assert scores["rot_mse_pass1"] == pytest.approx((first[:3] ** 2).mean(), rel=1e-3)


class Closer(Says):
    """Labels rightly in the middle of the field of view, and nothing in the whole."""

    zooms = (1.0, 0.5)

    def __init__(self, labels) -> None:
        super().__init__()
        self.labels = labels

    def output_within(self, zoom):
        return Reorienter.output_within(self, zoom)

    def segment(self, volume, numbers, context, finest=0):
        right = torch.eye(3)[self.labels.long()].movedim(-1, 1)
        return (torch.zeros(1, 3, 48, 48, 48), right)[finest:]


def test_validation_scores_the_output_that_is_used(tmp_path) -> None:
    case = Phantom(GRIDS["plain"], pose_on(GRIDS["plain"])).case()
    pool = CaseCache([case], tmp_path, lambda one: cache_ventricle(one, 6.8, 0.5))
    list(pool.build("cases"))
    scores = {}
    for zoom in (1.0, 0.5):
        views = PoseSampler(
            replace(CHOICES, label_fov=zoom), read_cases(pool), [(48, 1.0), (24, 0.5)]
        )
        network = Closer(views.labels(0)[1][None])
        scores[zoom] = validate_reorientation(network, views, USUAL, torch.device("cpu"))
    assert (scores[0.5]["my_dice"], scores[0.5]["bp_dice"]) == (1.0, 1.0)
    assert (scores[1.0]["my_dice"], scores[1.0]["bp_dice"]) == (0.0, 0.0)
