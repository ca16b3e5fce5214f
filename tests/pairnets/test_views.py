"""What a network is shown and told: motions against SimpleITK's resampling."""

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from regkit import IDENTITY, Grid, rigid
from regkit.geometry.rotation import rotation_matrix
from regkit.geometry.sitk_bridge import transform_to_sitk, volume_to_sitk
from regkit.geometry.transform import AffineTransform
from regkit.geometry.volume import Volume
from regkit.learning import CachedImage, CachedPair
from regkit_pairnets.train.augmentation import Augmentation, FieldOfView, sample_augmentation
from regkit_pairnets.train.batch_sampler import FILL_VALUE, BatchSampler
from regkit_pairnets.train.config import PairNetConfig

OBLIQUE = Grid(
    (22, 26, 24),
    (14.0, 12.0, 16.0),
    (-161.0, 159.0, -186.0),
    tuple((rotation_matrix((4, -6, 15)) @ np.diag([1.0, -1.0, 1.0])).ravel()),
)
TRUTH = rigid((3, -5, 8), (12, -7, 9))
MOTION = rigid((6, -4, 20), (20, -30, 10))


def smooth(grid: Grid, pose: AffineTransform) -> np.ndarray:
    """Blobs without symmetry, moved by a pose, half precision."""
    own = pose.inverse().map_points(points_of(grid))
    centres = np.array([(30, 20, -40), (-50, 10, 30), (10, -60, 50)])
    parts = [np.exp(-(((own - c) / 45) ** 2).sum(-1)) for c in centres]
    return (parts[0] + 0.6 * parts[1] + 0.4 * parts[2]).astype(np.float16)


def case(fixed: Grid = OBLIQUE, moving: Grid = OBLIQUE, in_air: bool = False) -> CachedPair:
    images = [
        CachedImage(torch.from_numpy(smooth(grid, pose))[None, None], grid)
        for grid, pose in ((fixed, IDENTITY), (moving, TRUTH))
    ]
    modality = "mu" if in_air else "mr"
    facts = {role: {"modality": modality} for role in ("fixed", "moving")}
    facts["focus_mm"] = (0.0, 0.0, 0.0)
    return CachedPair(*images, TRUTH, facts)


def views(
    convention="cardiac", shape=(10, 12, 14), spacing=(18.0, 17.0, 16.0), one=None, **choices
) -> BatchSampler:
    preset = PairNetConfig(convention=convention, shape_zyx=shape, spacing=spacing, **choices)
    return BatchSampler(preset, [one or case()])


def only(images: tuple[torch.Tensor, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """The images of a batch of one."""
    return images[0][0], images[1][0]


def points_of(grid: Grid) -> np.ndarray:
    return grid.to_physical(np.moveaxis(np.indices(grid.shape_zyx), 0, -1))


def as_sitk(image: torch.Tensor, grid: Grid) -> sitk.Image:
    return volume_to_sitk(Volume(image.numpy(), grid))


@pytest.mark.parametrize("convention", ["cardiac", "prostate"])
def test_the_told_numbers_bring_the_shown_images_together(convention) -> None:
    """SimpleITK, given the target as the card's convention reads it, undoes the motion."""
    look = views(convention, (32, 32, 32), (9.0, 9.0, 9.0), unit_mm=15, unit_deg=5)
    batch = look.batch([Augmentation(0, MOTION)])
    told = batch.target[0].double().numpy() * look.config.output_scale
    transform = look.config.parameterization.to_transform(told, look.grid)
    fixed, moving = only(look.resampled([Augmentation(0, MOTION)]))
    brought = sitk.Resample(
        as_sitk(moving, look.grid),
        as_sitk(fixed, look.grid),
        transform_to_sitk(transform),
        sitk.sitkLinear,
        float("nan"),
    )
    off = np.abs(sitk.GetArrayFromImage(brought) - fixed.numpy())[6:-6, 6:-6, 6:-6]
    before = np.abs((moving - fixed).numpy())[6:-6, 6:-6, 6:-6]
    assert np.nanmax(off) < 0.05
    assert np.nanmax(before) > 0.4


def test_images_are_resampled_once_as_simpleitk_does() -> None:
    look, joint = (
        views(),
        AffineTransform.about(rotation_matrix((2, 3, 4)) * 1.05, (5, 0, 3), (0, 0, 0)),
    )
    _, moving = only(look.resampled([Augmentation(0, MOTION, joint)]))
    pooled = look.cases[0]
    through = TRUTH @ AffineTransform.shift(pooled.fixed.grid.centre) @ joint @ MOTION.inverse()
    expected = sitk.GetArrayFromImage(
        sitk.Resample(
            as_sitk(pooled.moving.tensor[0, 0].float(), OBLIQUE),
            as_sitk(torch.zeros(look.grid.shape_zyx), look.grid),
            transform_to_sitk(through),
            sitk.sitkLinear,
            float("nan"),
        )
    )
    both = np.isfinite(expected) & np.isfinite(moving.numpy())
    assert both.mean() > 0.5
    np.testing.assert_allclose(moving.numpy()[both], expected[both], atol=1e-4)


def test_without_motion_the_images_match() -> None:
    fixed, moving = only(views().resampled([Augmentation(0, IDENTITY)]))
    assert np.nanmax((fixed - moving).abs().numpy()) < 0.03


def test_beyond_the_slices_is_unknown_and_beside_them_is_not() -> None:
    small = Grid((6, 8, 8), (18.0, 17.0, 16.0), (-63.0, -59.5, -40.0))
    look = views(shape=(12, 14, 14), one=case(small, small))
    seen = look.resample([look.cases[0].moving], [IDENTITY], [False])[0].numpy()
    known = np.isfinite(seen)
    np.testing.assert_array_equal(known.all(axis=(1, 2)), known.any(axis=(1, 2)))
    z = look.grid.to_physical([(k, 0, 0) for k in range(12)])[:, 2]
    np.testing.assert_array_equal(known[:, 0, 0], np.abs(z) <= 48)


@pytest.mark.parametrize("in_air", [False, True])
def test_a_scan_shows_its_field_of_view(in_air) -> None:
    """What is beyond its slices is unknown; what is beside them is air, where there is air."""
    look = views(one=case(in_air=in_air))
    field = FieldOfView((-70.0, -80.0, -30.0), (60.0, 90.0, 40.0), rigid((10, 0, 0), (0, 0, 5)))
    _, whole = only(look.resampled([Augmentation(0, MOTION)]))
    _, cut = only(look.resampled([Augmentation(0, MOTION, field=field)]))
    points = field.pose.map_points(points_of(look.grid))
    inside = (points >= field.low) & (points <= field.high)
    slices, beside = inside[..., 2], ~inside[..., :2].all(axis=-1)
    known = np.isfinite(whole.numpy()) & slices
    assert 0.1 < (known & beside).mean() < 0.9
    np.testing.assert_array_equal(np.isfinite(cut.numpy()), known)
    expected = np.where(beside & in_air, 0.0, whole.numpy())
    np.testing.assert_array_equal(cut.numpy()[known], expected[known])
    _, filled = only(look.pairs([Augmentation(0, MOTION, field=field)]))
    assert (filled.numpy()[~slices] == FILL_VALUE).all()


def test_a_look_sees_the_field_of_view_as_the_looks_before_turned_it() -> None:
    """The same as a scan that was cut first and turned then, by SimpleITK."""
    look = views(shape=(24, 24, 24), spacing=(12.0, 12.0, 12.0), one=case(in_air=True))
    upright = FieldOfView((-70.0, -80.0, -60.0), (60.0, 90.0, 80.0))
    found = rigid((4, -6, 15), (12, -9, 6))
    left = found.inverse() @ MOTION
    _, scan = only(look.resampled([Augmentation(0, MOTION, field=upright)]))
    turned = FieldOfView(upright.low, upright.high, found)
    _, second = only(look.resampled([Augmentation(0, left, field=turned)]))
    judge = sitk.GetArrayFromImage(
        sitk.Resample(
            as_sitk(scan, look.grid),
            as_sitk(scan, look.grid),
            transform_to_sitk(found),
            sitk.sitkLinear,
            float("nan"),
        )
    )
    both = np.isfinite(judge) & np.isfinite(second.numpy())
    assert 0.1 < both.mean() < 0.9
    off = np.abs(judge - second.numpy())[both]
    assert np.quantile(off, 0.95) < 0.05  # but for half a voxel at the cut
    assert (judge[both] > 0.3).any()


def test_axes_and_order_of_the_inputs() -> None:
    for convention, order, shape in (
        ("cardiac", "moving-fixed", (14, 12, 10)),
        ("prostate", "fixed-moving", (10, 12, 14)),
    ):
        look = views(convention, input_order=order)
        batch = look.batch([Augmentation(0, MOTION)])
        fixed, moving = only(look.pairs([Augmentation(0, MOTION)]))
        expected = fixed if order == "fixed-moving" else moving
        expected = expected.permute(2, 1, 0) if convention == "cardiac" else expected
        assert batch.input_a.shape == (1, 1, *shape)
        assert torch.equal(batch.input_a[0, 0], expected)


def test_draws_depend_on_their_seed_only() -> None:
    look = views(
        truncation_prob=0.5,
        axial_coverage=(0.4, 0.9),
        augment_noise_std=0.1,
        augment_gamma=(0.8, 1.2),
    )
    one, two, other = (
        sample_augmentation(look.config, look.cases, look.grid, (0, n, 3)) for n in (1, 1, 2)
    )
    assert torch.equal(look.pairs([one])[1], look.pairs([two])[1])
    assert not torch.equal(look.pairs([one])[1], look.pairs([other])[1])


def test_motions_fill_their_ranges() -> None:
    look = views()
    draws = [
        sample_augmentation(look.config, look.cases, look.grid, (0, 0, n)) for n in range(400)
    ]
    numbers = [
        look.config.parameterization.from_transform(d.motion.inverse(), look.grid) for d in draws
    ]
    mm = np.abs(numbers) * [18, 17, 16, 1, 1, 1]
    half = np.array([54.4, 54.4, 27.2, 10, 10, 30]) / 2
    np.testing.assert_allclose(mm.mean(axis=0), half, rtol=0.12)


def test_the_focus_of_a_scan_is_on_its_slices() -> None:
    look = views(truncation_prob=1.0, axial_coverage=(0.35, 0.5), residual_motion_prob=0.5)
    for number in range(50):
        one = sample_augmentation(look.config, look.cases, look.grid, (7, number, 0))
        centred = np.subtract(look.cases[0].facts["focus_mm"], OBLIQUE.centre)
        shown = one.motion.map_points(one.joint.inverse().map_points(centred))
        z = one.field.pose.map_points(shown)[2]
        assert one.field.low[2] <= z <= one.field.high[2]


@pytest.mark.parametrize("in_air", [False, True])
def test_beside_its_slices_an_image_goes_on(in_air) -> None:
    """As air where 0 is air: a body at the border is not drawn out to a beam."""
    grid = Grid((8, 8, 8), (20.0, 20.0, 20.0), (-70.0, -70.0, -70.0))
    full = CachedImage(torch.ones(1, 1, 8, 8, 8, dtype=torch.float16), grid)
    look = views(shape=(8, 8, 8), spacing=(20.0, 20.0, 20.0))
    seen = look.resample([full], [AffineTransform.shift((45.0, 0.0, 0.0))], [in_air])[0]
    torch.testing.assert_close(seen[:, :, :6], torch.ones(8, 8, 6))
    torch.testing.assert_close(seen[:, :, 6:], torch.full((8, 8, 2), 0.0 if in_air else 1.0))
    assert (
        look.resample([full], [AffineTransform.shift((0.0, 0.0, 45.0))], [in_air])[0, 6:]
        .isnan()
        .all()
    )
