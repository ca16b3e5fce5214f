"""Ultrasound physics: polar frame, speckle statistics, shadows, the probe's push."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regkit_nuclear.painting.canvas import Painting
from regkit_nuclear.painting.shapes import Coordinates
from regkit_nuclear.phantoms.prostate.probe_compression import ProbeCompression
from regkit_nuclear.phantoms.prostate.ultrasound import (
    DEPTH_STEP,
    DYNAMIC_RANGE_DB,
    FADING_DB_PER_MM,
    from_polar,
    polar_grid,
    scan_lines,
    to_polar,
)

pytestmark = pytest.mark.simulation

SHAPE = polar_grid().shape_zyx


def uniform_tissue(echo=-8.0):
    empty = np.zeros(SHAPE, np.uint8)
    channels = {
        "echo": np.full(SHAPE, echo, np.float32),
        "absorption": np.zeros(SHAPE, np.float32),
    }
    return Painting(channels, empty)


def decibel(lines):
    return lines * DYNAMIC_RANGE_DB / 255


@given(st.floats(-85, 85), st.floats(10, 74), st.floats(-30, 30), st.floats(15, 40))
def test_polar_and_cartesian_are_inverse(arc, depth, z, probe_y):
    polar = np.array([arc, depth, z])
    places = from_polar(Coordinates(*(np.float32([v]) for v in polar)), probe_y)
    back = to_polar(np.stack(places, axis=-1).astype(float), probe_y)
    np.testing.assert_allclose(back[0], polar, atol=1e-3)


def test_beams_start_at_the_probe_and_look_to_the_front():
    ahead = from_polar(Coordinates(*(np.float32([v]) for v in (0.0, 20.0, 5.0))), 30.0)
    np.testing.assert_allclose(np.ravel(ahead), (0, 10, 5))


def test_speckle_has_the_statistics_of_three_looks():
    """The power of L looks is gamma distributed: its decibels deviate by 4.34 sqrt(psi'(L))."""
    lines = decibel(scan_lines(uniform_tissue(), np.random.default_rng(1)))
    depths = lines[20:-20, 10:80, 20:-20]
    spread = (depths - depths.mean(axis=(0, 2), keepdims=True)).std()
    assert spread == pytest.approx(4.343 * np.sqrt(0.3949), rel=0.05)


def test_speckle_keeps_the_mean_power():
    exact = decibel(scan_lines(uniform_tissue(), None))[30, 20:80]
    noisy = decibel(scan_lines(uniform_tissue(), np.random.default_rng(1)))[10:-10, 20:80, 10:-10]
    power = 10 * np.log10((10 ** (noisy / 10)).mean(axis=(0, 2)))
    np.testing.assert_allclose(power, exact.mean(axis=1), atol=0.4)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_what_is_dark_at_one_end_gets_no_light_from_the_other(axis):
    tissue = uniform_tissue()
    dark = [slice(None)] * 3
    dark[axis] = slice(0, 8)
    tissue.channels["echo"][tuple(dark)] = -200.0
    lines = np.moveaxis(scan_lines(tissue, np.random.default_rng(1)), axis, 0)
    assert lines[-1].mean() > 50
    assert lines[:4].max() == 0.0


def test_echoes_fade_with_depth():
    lines = decibel(scan_lines(uniform_tissue(), None))
    np.testing.assert_allclose(
        -np.diff(lines[5, :90, 5]), FADING_DB_PER_MM * DEPTH_STEP, atol=1e-3
    )


def test_what_absorbs_casts_a_shadow_behind_and_none_in_front():
    free, shaded = uniform_tissue(), uniform_tissue()
    shaded.channels["absorption"][:, 40:44, 60:70] = 4.0
    clear, dark = (decibel(scan_lines(t, None)) for t in (free, shaded))
    np.testing.assert_allclose(dark[:, :40], clear[:, :40], atol=1e-3)
    np.testing.assert_allclose(dark[:, 50:, :60], clear[:, 50:, :60], atol=1e-3)
    lost = clear[:, 50:80, 60:70] - dark[:, 50:80, 60:70]
    np.testing.assert_allclose(lost, 4.0 * 4 * DEPTH_STEP, atol=1e-2)


points = st.tuples(*(st.floats(-60, 60),) * 3)


@given(st.floats(0, 20), points)
def test_a_push_has_an_inverse(push_mm, point):
    push = ProbeCompression(push_mm, 18.0)
    np.testing.assert_allclose(push.inverse().map_points(push.map_points(point)), point, atol=1e-6)
    assert push.inverse().inverse() == push


def test_the_wall_moves_by_the_push_and_far_tissue_stays():
    push = ProbeCompression(6.0, 18.0)
    np.testing.assert_allclose(push.map_points((0, 18, 0)), (0, 24, 0))
    np.testing.assert_allclose(push.map_points((0, -90, 0)), (0, -90, 0), atol=1e-4)
