"""Each term of the compound loss against its formula, worked out otherwise."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from regkit_msstunet.losses import (
    cross_entropy,
    deep_supervision_loss,
    dice_loss,
    point_distance_loss,
    reorientation_loss,
    rotation_loss,
    segmentation_loss,
    threshold_loss,
    translation_loss,
)
from regkit_msstunet.networks.pose import wrap_angles
from regkit_msstunet.train.config import ReorientationConfig
from regkit_msstunet.train.task import ReorientationTask


def numbers(*rows) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float64)


@pytest.mark.parametrize("turn", [-3, -1, 0, 2])
def test_angles_count_the_short_way_round(turn) -> None:
    angles = torch.linspace(-3.1, 3.1, 7, dtype=torch.float64)
    torch.testing.assert_close(wrap_angles(angles + turn * 2 * math.pi), angles)


def test_rotation_and_translation() -> None:
    truth = numbers([3.0, -1.0, 1.0, 0.1, 0.2, 0.3])
    found = numbers([-3.0, -1.1, 1.3, 0.1, 0.25, 0.1])
    across = 2 * math.pi - 6.0
    assert rotation_loss(found, truth).item() == pytest.approx((across + 0.1 + 0.3) / 3)
    assert translation_loss(found, truth).item() == pytest.approx((0.05 + 0.2) / 3)


def test_rotation_weighs_ten_and_scales_are_averaged() -> None:
    truth = numbers([0.0] * 6)
    found = torch.zeros(1, 3, 6, dtype=torch.float64)
    found[0, 0, 0], found[0, 2, 4] = 0.3, 0.6
    expected = (10 * 0.3 / 3 + 0.6 / 3) / 3
    assert reorientation_loss(found, truth).item() == pytest.approx(expected)


def test_dice_by_hand() -> None:
    one = torch.tensor([[1.0, 1, 0, 0], [0.5, 0, 0, 0]], dtype=torch.float64)
    two = torch.tensor([[1.0, 0, 1, 0], [1.0, 0, 0, 0]], dtype=torch.float64)
    first = 1 - (2 * 1 + 1e-5) / (4 + 1e-5)
    second = 1 - (2 * 0.5 + 1e-5) / (1.5 + 1e-5)
    assert dice_loss(one, two).item() == pytest.approx((first + second) / 2)


def test_nothing_to_find_and_nothing_found_is_no_loss() -> None:
    assert dice_loss(torch.zeros(1, 8), torch.zeros(1, 8)).item() == pytest.approx(0.0)


def test_myocardium_weighs_three() -> None:
    labels = torch.zeros(1, 4, 4, 4, dtype=torch.uint8)
    labels[0, 0], labels[0, 1] = 1, 2
    sure = torch.nn.functional.one_hot(labels.long(), 3).movedim(-1, 1) * 100.0
    assert segmentation_loss(sure, labels).item() == pytest.approx(0.0, abs=1e-4)
    swapped = sure[:, [0, 2, 1]]
    assert segmentation_loss(swapped, labels).item() == pytest.approx(4.0, abs=1e-4)
    no_wall = sure.clone()
    no_wall[:, 1] = -100.0
    no_wall[:, 0][labels == 1] = 100.0
    # Myocardium lost (3), background too large: 32 of 48 voxels right.
    assert segmentation_loss(no_wall, labels).item() == pytest.approx(3 + 1 / 5, abs=1e-3)


def test_coarser_outputs_count_less() -> None:
    labels = [torch.zeros(1, n, n, n, dtype=torch.uint8) for n in (8, 4, 2)]
    logits = [torch.randn(1, 3, n, n, n) for n in (8, 4, 2)]
    one, two, three = (segmentation_loss(a, b) for a, b in zip(logits, labels, strict=True))
    torch.testing.assert_close(
        deep_supervision_loss(logits, labels), one + 0.5 * two + 0.25 * three
    )


def blob(n=24) -> torch.Tensor:
    axis = np.linspace(-1, 1, n)
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    image = np.exp(-((x - 0.2) ** 2 / 0.05 + (y + 0.1) ** 2 / 0.1 + z**2 / 0.3))
    return torch.from_numpy(image)[None, None]


def test_the_outline_is_right_at_the_truth_and_falls_towards_it() -> None:
    truth = numbers([0.2, -0.4, 0.3, 0.1, 0.0, -0.1])
    volume, zooms = blob(), (1.0, 0.5)
    at_truth = threshold_loss(volume, truth[:, None].expand(1, 2, 6), truth, zooms)
    assert 0 < at_truth.item() < 0.1  # partial voxels at the rim agree with themselves in part
    off = (truth + 0.15)[:, None].expand(1, 2, 6).clone().requires_grad_()
    loss = threshold_loss(volume, off, truth, zooms)
    loss.backward()
    assert loss.item() > at_truth.item() + 0.05
    with torch.no_grad():
        nearer = threshold_loss(volume, off - 0.02 * off.grad.sign(), truth, zooms)
    assert nearer < loss


def test_the_outline_does_not_depend_on_the_intensities_above_the_mean() -> None:
    truth = numbers([0.0] * 6)
    off = truth[:, None] + 0.1
    volume = blob()
    mask = (volume > volume.mean()).double()
    torch.testing.assert_close(
        threshold_loss(volume, off, truth, (1.0,)), threshold_loss(mask, off, truth, (1.0,))
    )


def test_the_way_is_that_of_points_on_the_axes() -> None:
    found = numbers([-0.8, -1.1, 1.2, 0.2, -0.1, 0.3])[:, None]
    truth = numbers([-0.7, -1.3, 1.0, 0.22, -0.13, 0.28])
    points = 0.25 * np.concatenate([np.eye(3), -np.eye(3)])
    one, other = (
        Rotation.from_euler("YXZ", six[:3]).apply(points) + six[3:].numpy()
        for six in (found[0, 0], truth[0])
    )
    assert float(point_distance_loss(found, truth)) == pytest.approx(
        40 * np.abs(one - other).mean()
    )


def test_the_way_is_finite_where_angles_are_not_told_apart() -> None:
    """At a quarter turn only the sum of alpha and gamma matters."""
    found = numbers([0.3, -math.pi / 2, 0.5, 0, 0, 0])[:, None].requires_grad_()
    loss = point_distance_loss(found, numbers([0.1, -math.pi / 2, 0.7, 0, 0, 0]))
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-6)
    assert found.grad.isfinite().all()


def test_surprise_is_the_cross_entropy_of_a_ventricles_voxel() -> None:
    rng = np.random.default_rng(6)
    logits = [rng.normal(size=(2, 3, n, n, n)) for n in (4, 2)]
    labels = [rng.integers(0, 3, (2, n, n, n)) for n in (4, 2)]
    expected = 0.0
    for one, true, weight in zip(logits, labels, (1.0, 0.5), strict=True):
        shares = np.exp(one) / np.exp(one).sum(axis=1, keepdims=True)
        right = np.take_along_axis(shares, true[:, None], axis=1)
        expected += weight * -np.log(right).sum() / (true > 0).sum()
    found = cross_entropy(*([torch.from_numpy(x) for x in some] for some in (logits, labels)))
    assert found.item() == pytest.approx(expected)


def test_surprise_is_of_voxels_near_a_ventricle() -> None:
    logits = torch.randn(1, 3, 12, 12, 12)
    labels = torch.zeros(1, 12, 12, 12, dtype=torch.uint8)
    labels[0, 2, 3, 4] = 2
    away = np.abs(np.moveaxis(np.indices((12, 12, 12)), 0, -1) - (2, 3, 4)).max(-1)
    entropy = -torch.log_softmax(logits, 1).gather(1, labels[:, None].long())[0, 0]
    expected = (np.where(away <= 3, 1.0, 0.05) * entropy.numpy()).sum()
    assert cross_entropy([logits], [labels]).item() == pytest.approx(expected, rel=1e-5)


def test_surprise_without_a_ventricle_is_finite() -> None:
    nothing = torch.zeros(1, 2, 2, 2, dtype=torch.uint8)
    assert cross_entropy([torch.zeros(1, 3, 2, 2, 2)], [nothing]).isfinite()


def test_weights_of_classes_may_be_equal() -> None:
    logits, labels = torch.randn(1, 3, 4, 4, 4), torch.randint(0, 3, (1, 4, 4, 4))
    shares = torch.softmax(logits, 1)
    parts = [dice_loss(shares[:, k], (labels == k).float()).item() for k in range(3)]
    assert segmentation_loss(logits, labels, (1, 1, 1)).item() == pytest.approx(sum(parts))
    own = segmentation_loss(logits, labels).item()
    assert own == pytest.approx(sum(parts) + 2 * parts[1])


def test_mu_and_eta_are_choices_of_a_training() -> None:
    """µ weighs the rotation beside the translation, η the myocardium beside the other classes."""
    config = ReorientationConfig(
        rotation_weight=2.0, class_weights=(1.0, 7.0, 1.0), threshold_weight=0.0
    )
    task = SimpleNamespace(config=config)
    found, truth = numbers([0.1, 0, 0, 0, 0, 0.3])[:, None], numbers([0, 0, 0, 0, 0, 0])
    pose = ReorientationTask.pose_loss(task, torch.zeros(1), [found], truth)
    assert pose.item() == pytest.approx(2.0 * 0.1 / 3 + 0.3 / 3)
    torch.manual_seed(0)
    logits, labels = torch.randn(1, 3, 4, 4, 4), torch.randint(0, 3, (1, 4, 4, 4))
    parts = [
        segmentation_loss(logits, labels, np.eye(3)[label].tolist()).item() for label in range(3)
    ]
    found_loss = ReorientationTask.label_loss(task, [logits], [labels]).item()
    assert found_loss == pytest.approx(parts[0] + 7.0 * parts[1] + parts[2], rel=1e-5)
