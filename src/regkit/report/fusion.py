"""Combine two images of one plane in a picture: overlay, checkerboard, contours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from regkit.geometry.volume import Volume
from regkit.report.gaussian_filters import curvature, slope, smoothed

Values: TypeAlias = NDArray[np.float32]  # (height, width)
RGB: TypeAlias = NDArray[np.float32]  # (height, width, 3), 0 to 1
Channels: TypeAlias = NDArray[np.float32]  # (3, height, width), 0 to 1: quicker to compute with

# Modalities shown in warm colors.
FUNCTIONAL = ("pet", "spect")
# Window of soft tissue, wide enough to show fat and contrast agent; chosen by hand.
SOFT_TISSUE_HU = (-200.0, 300.0)
# Exponent that brightens faint uptake; opacity of strong uptake over an image; chosen by hand.
GAMMA, OPACITY = 0.7, 0.85

# Contours: smoothing in pixels, levels of uptake, slopes per pixel at which lines begin to show
# and are fully drawn, and the slope below which there is no edge; chosen by hand.
SMOOTHING_PX, SLOPE_SMOOTHING_PX = 2.0, 0.8
CONTOUR_LEVELS = (0.35, 0.55, 0.8)
SLOPE_FADE = (0.006, 0.014)
MIN_SLOPE = 0.002

# From faint to strong uptake; lightness rises steadily, and colour-blind readers lose low.
COLOR_STOPS = (
    (0.00, 0.16, 0.04, 0.33),
    (0.25, 0.47, 0.11, 0.43),
    (0.50, 0.78, 0.23, 0.30),
    (0.75, 0.97, 0.53, 0.10),
    (1.00, 0.99, 0.95, 0.60),
)
_AT, *_CHANNELS = np.transpose(COLOR_STOPS)
WARM_COLOR_MAP = np.stack(
    [np.interp(np.linspace(0, 1, 256), _AT, c) for c in _CHANNELS], -1, dtype=np.float32
)
# Green and its complement, magenta, add up to white: where both images agree there is no colour.
GREEN = np.array((0.16, 0.80, 0.42), np.float32)
CONTOUR_ON_GREY = np.array((1.00, 0.65, 0.00), np.float32)
CONTOUR_ON_WARM = np.array((0.40, 0.90, 1.00), np.float32)


@dataclass(frozen=True)
class DisplayRange:
    """Display of one image: the intensities shown as black and white, and its colors.

    Parameters
    ----------
    low, high
        Intensities shown as 0 and 1.
    warm
        Display in warm colors, for uptake; otherwise in grey.
    """

    low: float
    high: float
    warm: bool

    @classmethod
    def of(cls, volume: Volume) -> DisplayRange:
        """Choose the display of a volume from its modality and its intensities."""
        step = tuple(slice(None, None, -(-n // 64)) for n in volume.grid.shape_zyx)
        sample = volume.part(step)
        sample = sample[np.isfinite(sample)]
        warm = volume.modality in FUNCTIONAL
        if sample.size == 0:
            return cls(0.0, 1.0, warm)
        low, high = np.quantile(sample, (0.01, 0.998 if warm else 0.995)).tolist()
        if warm:
            low = max(low, 0.0)
        if volume.modality == "ct" and low < SOFT_TISSUE_HU[0] and high > 0:
            low, high = SOFT_TISSUE_HU
        if high <= low:
            low, high = float(sample.min()), float(sample.max())
        return cls(low, high if high > low else low + 1.0, warm)

    def scale(self, values: Values) -> Values:
        """Return intensities as 0 to 1; NaN (outside the image) stays."""
        scaled = np.clip((values - self.low) / (self.high - self.low), 0.0, 1.0)
        return np.asarray(scaled**GAMMA if self.warm else scaled, np.float32)

    def paint(self, values: Values) -> RGB:
        """Return intensities in the image's own colours; outside is black."""
        return _rgb(self.channels(values))

    def channels(self, values: Values) -> Channels:
        """Return what `paint` does, with the colours first."""
        scaled = self.brightness(values)
        return _warm(scaled) * _opacity(scaled) if self.warm else _grey(scaled)

    def brightness(self, values: Values) -> Values:
        """Return intensities as 0 to 1; outside the image is 0."""
        return np.fmax(self.scale(values), np.float32(0))


def overlay(
    fixed: Values,
    moving: Values,
    displays: tuple[DisplayRange, DisplayRange],
    opacity: float = OPACITY,
) -> RGB:
    """Show both images at once; `opacity`, 0 to 1, is that of the strongest uptake.

    Uptake is drawn in warm colours over the other image in grey. Two images of one kind are mixed,
    fixed in green and moving in magenta, so that what agrees is grey and what does not is
    coloured; the pair is safe for colour-blind readers.
    """
    scaled = displays[0].brightness(fixed), displays[1].brightness(moving)
    if displays[0].warm == displays[1].warm:
        green = GREEN[:, None, None]
        return _rgb(scaled[0] * green + scaled[1] * (1 - green))
    uptake, anatomy = scaled if displays[0].warm else scaled[::-1]
    alpha = _opacity(uptake, opacity)
    return _rgb(_grey(anatomy) * (1 - alpha) + _warm(uptake) * alpha)


def checkerboard(
    fixed: Values, moving: Values, displays: tuple[DisplayRange, DisplayRange], tile: int
) -> RGB:
    """Show the images in turn on tiles of `tile` pixels; the first tile is fixed."""
    row, column = np.indices(fixed.shape) // max(1, tile)
    is_fixed = (row + column) % 2 == 0
    return _rgb(np.where(is_fixed, displays[0].channels(fixed), displays[1].channels(moving)))


def contours(fixed: Values, moving: Values, displays: tuple[DisplayRange, DisplayRange]) -> RGB:
    """Draw the contours of the moving image on the fixed one."""
    lines = (
        _isolines(displays[1].scale(moving))
        if displays[1].warm
        else _edges(displays[1].scale(moving))
    )
    colour = CONTOUR_ON_WARM if displays[0].warm else CONTOUR_ON_GREY
    return _rgb(displays[0].channels(fixed) * (1 - lines) + colour[:, None, None] * lines)


def pixels(rgb: RGB) -> NDArray[np.uint8]:
    """Return colours as bytes."""
    shown = np.empty(rgb.shape, np.uint8)
    for channel in range(rgb.shape[-1]):
        values = np.clip(rgb[..., channel], 0.0, 1.0) * np.float32(255)
        shown[..., channel] = values + np.float32(0.5)
    return shown


def _rgb(channels: Channels) -> RGB:
    return np.moveaxis(channels, 0, -1)


def _grey(scaled: Values) -> Channels:
    return np.broadcast_to(scaled, (3, *scaled.shape))


def _warm(scaled: Values) -> Channels:
    return WARM_COLOR_MAP.T[:, (scaled * 255 + 0.5).astype(np.uint8)]


def _opacity(scaled: Values, strongest: float = OPACITY) -> Values:
    """Return the opacity of uptake; the image below shows through faint uptake."""
    return np.asarray(strongest * np.clip((scaled - 0.05) / 0.45, 0.0, 1.0))


def _isolines(scaled: Values) -> Values:
    """Return the coverage, 0 to 1, of lines of equal intensity; on plateaus they fade out."""
    smooth = smoothed(np.fmax(scaled, np.float32(0)), SMOOTHING_PX)
    steepness = slope(smooth, SLOPE_SMOOTHING_PX)
    lines = np.max([_line(smooth - level, steepness) for level in CONTOUR_LEVELS], axis=0)
    return np.asarray(lines * _fade(steepness, *SLOPE_FADE) * _well_inside(scaled))


def _edges(scaled: Values) -> Values:
    """Return the coverage, 0 to 1, of edges: where a strong gradient is steepest.

    Zero crossings of the Laplacian of a Gaussian, Marr & Hildreth 1980,
    doi:10.1098/rspb.1980.0020; weak ones fade out.
    """
    image = np.fmax(scaled, np.float32(0))
    strength = slope(image, SMOOTHING_PX)
    some = strength[::2, ::2]  # neighbours are alike
    shown = some[some > MIN_SLOPE]
    if shown.size == 0:
        return np.zeros_like(image)
    bend = curvature(image, SMOOTHING_PX)
    lines = _line(bend, slope(bend, SLOPE_SMOOTHING_PX))
    weak, strong, strongest = np.quantile(shown, (0.65, 0.85, 0.99))
    weak, strong = max(weak, 0.15 * strongest), max(strong, 0.3 * strongest)
    return lines * _fade(strength, weak, strong) * _well_inside(scaled)


def _fade(values: Values, low: float, high: float) -> Values:
    """Return 0 up to one value, 1 from another, and a ramp between."""
    alpha = (values - low) / max(high - low, 1e-9)
    return np.asarray(np.clip(alpha, 0.0, 1.0), np.float32)


def _well_inside(scaled: Values) -> Values:
    """Return 0 at the border of the field of view, which is no edge of the anatomy."""
    outside = np.isnan(scaled).astype(np.float32)
    if not outside.any():
        return np.ones_like(outside)
    return 1 - np.clip(20 * smoothed(outside, SMOOTHING_PX), 0.0, 1.0)


def _line(level: Values, steepness: Values, half_width: float = 0.9) -> Values:
    """Return the coverage of the line ``level == 0``, anti-aliased by its distance in pixels."""
    distance = np.abs(level) / np.maximum(steepness, 1e-9)
    return np.asarray(np.clip(half_width + 0.5 - distance, 0.0, 1.0))
