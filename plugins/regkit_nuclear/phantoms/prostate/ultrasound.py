"""Transrectal ultrasound: beams of a rotating probe, speckle, shadows, log compression.

The scan lives on a polar grid around the probe: its x is the arc at the deepest range, its y the
depth from the probe's axis, its z the position along the probe, all in mm.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from regkit.geometry.grid import FloatArray, Grid
from regkit_nuclear.painting.canvas import Painting
from regkit_nuclear.painting.shapes import Coordinates, Field

# Range of depths, half the opening angle (rad) and half the length of the scan; sampling steps in
# mm; dynamic range, brightest echo and attenuation. Chosen by hand.
NEAR_MM, FAR_MM, HALF_ANGLE, HALF_LENGTH_MM = 9.0, 74.0, 1.25, 34.0
DEPTH_STEP, ARC_STEP, SLICE_STEP = 0.5, 1.1, 0.8
DYNAMIC_RANGE_DB, BRIGHTEST_DB = 40.0, 9.0
FADING_DB_PER_MM = 0.15
# Independent speckle patterns averaged by compounding: fewer make coarser speckle. Chosen by hand.
COMPOUNDED_FRAMES = 3


def polar_grid() -> Grid:
    """Return the grid of the scan lines: arc, depth, position."""
    arc = HALF_ANGLE * FAR_MM
    counts = (
        round(2 * HALF_LENGTH_MM / SLICE_STEP) + 1,
        round((FAR_MM - NEAR_MM) / DEPTH_STEP) + 1,
        round(2 * arc / ARC_STEP) + 1,
    )
    return Grid(counts, (ARC_STEP, DEPTH_STEP, SLICE_STEP), (-arc, NEAR_MM, -HALF_LENGTH_MM))


def from_polar(points: Coordinates, probe_y: float) -> Coordinates:
    """Map polar to Cartesian points; the probe's axis is at x = 0, y = `probe_y`."""
    angle = points.x / np.float32(FAR_MM)
    x, depth = points.y * np.sin(angle), points.y * np.cos(angle)
    return Coordinates(x, np.float32(probe_y) - depth, points.z)


def to_polar(points: FloatArray, probe_y: float) -> FloatArray:
    """Map Cartesian points (..., 3) in mm to polar ones."""
    x, depth = points[..., 0], probe_y - points[..., 1]
    arc = np.arctan2(x, depth) * FAR_MM
    return np.stack([arc, np.hypot(x, depth), points[..., 2]], axis=-1)


def in_sector(polar: FloatArray) -> np.ndarray:
    """Return the mask of the polar points (..., 3) in the field of view of the probe."""
    arc, depth, z = np.moveaxis(polar, -1, 0)
    inside = (np.abs(arc) < HALF_ANGLE * FAR_MM) & (np.abs(z) < HALF_LENGTH_MM)
    return np.asarray(inside & (depth > NEAR_MM) & (depth < FAR_MM))


def scan_lines(painting: Painting, rng: np.random.Generator | None) -> Field:
    """Turn echo (dB) and absorption (dB/mm) on the polar grid into brightness, 0 to 255.

    Without a random generator there is no speckle.
    """
    echo, absorption = painting.channels["echo"], painting.channels["absorption"]
    depth = np.arange(echo.shape[1], dtype=np.float32)[:, None] * np.float32(DEPTH_STEP)
    passed = np.cumsum(absorption, axis=1) - absorption
    level = echo - passed * np.float32(DEPTH_STEP) - np.float32(FADING_DB_PER_MM) * depth
    level += _reflections(echo)
    amplitude = np.power(np.float32(10), level / 20)
    power = _power(amplitude, rng) if rng is not None else amplitude**2
    decibel = 10 * np.log10(power + np.float32(1e-7))
    brightness = (decibel - np.float32(BRIGHTEST_DB - DYNAMIC_RANGE_DB)) / np.float32(
        DYNAMIC_RANGE_DB
    )
    return np.asarray(255 * np.clip(brightness, 0, 1), dtype=np.float32)


def displayed_image(lines: Field, polar: FloatArray) -> Field:
    """Interpolate scan lines at polar points (..., 3); 0 beyond the sector."""
    index = polar_grid().to_index(polar)
    image = map_coordinates(lines, np.moveaxis(index, -1, 0), order=1, mode="nearest")
    return np.where(in_sector(polar), image, 0).astype(np.float32)


def _reflections(echo: Field) -> Field:
    """Return specular reflections (dB) where tissue changes along the beam."""
    smooth = gaussian_filter(echo, (0.8, 0.8, 0.8))
    step = np.abs(np.gradient(smooth, axis=1))
    return np.asarray(np.minimum(1.2 * step, 9), dtype=np.float32)


def _power(amplitude: Field, rng: np.random.Generator) -> Field:
    """Return the mean power of compounded frames of scatterers, blurred by the beam's width."""
    width = (0.8, 0.9, 1.0)
    total = np.zeros_like(amplitude)
    for _ in range(2 * COMPOUNDED_FRAMES):
        scatterers = amplitude * rng.standard_normal(amplitude.shape, dtype=np.float32)
        # No echoes from outside: wrapped around, those of one end would appear at the other.
        received = gaussian_filter(scatterers, width, mode="constant", truncate=3.0)
        total += received * received
    # The filter reduces white noise of variance 1 to the variance of this product.
    variance = np.prod([1 / (2 * np.sqrt(np.pi) * w) for w in width])
    return total / np.float32(2 * COMPOUNDED_FRAMES * variance)
