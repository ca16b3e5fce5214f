"""ANTs finds exact motions, repeats itself, and leaves nothing behind."""

import tempfile
from importlib.util import find_spec

import numpy as np
import pytest

from phantoms import MOTION, SMALL, small_pair
from regkit import AffineTransform, DisplacementField, Grid, LabelMap, Pair, Transform, Volume
from regkit.errors import RegistrationError
from regkit_ants.registration import AntsLinear

pytestmark = [
    pytest.mark.registration,
    pytest.mark.skipif(find_spec("ants") is None, reason="needs antspyx"),
]

BODY = np.random.default_rng(0).uniform(-70, 70, (200, 3))


def _error_mm(found: Transform, truth: Transform) -> float:
    return float(np.linalg.norm(found.map_points(BODY) - truth.map_points(BODY), axis=1).mean())


def test_a_motion_is_found_twice_the_same_silently_and_without_a_trace(
    capfd, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    first, second = (AntsLinear().register(small_pair()).transform for _ in range(2))
    assert first.is_rigid
    assert _error_mm(first, MOTION) < 1.5
    assert _error_mm(first, second) < 1e-5
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_an_affine_motion_is_found() -> None:
    linear = MOTION.matrix[:3, :3] @ np.diag([1.08, 0.94, 1.05])
    truth = AffineTransform.about(linear, (6, -5, 8), (0, 0, 0))
    turned, stretched = (
        AntsLinear(model=model).register(small_pair(truth)).transform
        for model in ("rigid", "affine")
    )
    assert _error_mm(stretched, truth) < 2.5 < _error_mm(turned, truth)


def test_a_non_linear_initial_map_is_refused() -> None:
    bend = DisplacementField(np.ones((*SMALL.shape_zyx, 3)), SMALL)
    with pytest.raises(RegistrationError, match="give a linear initial transform"):
        AntsLinear().register(small_pair(initial=bend))


def test_thin_images_are_refused() -> None:
    grid = Grid((1, 30, 30))
    thin = Volume(np.random.default_rng(0).random(grid.shape_zyx), grid)
    with pytest.raises(RegistrationError, match="at least 4 along every axis"):
        AntsLinear().register(Pair(thin, thin))


def test_a_patch_without_contrast_is_refused() -> None:
    pair = small_pair()
    corner = np.zeros(SMALL.shape_zyx, dtype=np.uint8)
    corner[:3, :3, :3] = 1
    with pytest.raises(RegistrationError, match="constant in its mask"):
        AntsLinear().register(Pair(pair.fixed, pair.moving, LabelMap(corner, SMALL)))
