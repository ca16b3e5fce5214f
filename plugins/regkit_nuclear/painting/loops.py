"""Compiled loops over points: distances of the simplest shapes, profiles, boxes.

Coordinates are flat float32 arrays of one length, in mm; all other numbers are float32 as well, so
that results are those of the same operations on whole arrays, to the last bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit.compiled import compiled_as_written

ZERO, HALF, ONE, SMALLEST = np.float32(0), np.float32(0.5), np.float32(1), np.float32(1e-6)


@compiled_as_written
def capsule_distance(x: Any, y: Any, z: Any, start: Any, along: Any, radii: Any) -> Any:
    """Return the signed distances of a capsule.

    Parameters
    ----------
    start, along
        One end, and the vector from it to the other.
    radii
        Radius at the start, its change to the end, and the square of the length.
    """
    out = np.empty_like(x)
    for i in range(x.size):
        u, v, w = x[i] - start[0], y[i] - start[1], z[i] - start[2]
        t = (u * along[0] + v * along[1] + w * along[2]) / radii[2]
        t = min(max(t, ZERO), ONE)
        u, v, w = u - t * along[0], v - t * along[1], w - t * along[2]
        out[i] = np.sqrt(u * u + v * v + w * w) - (radii[0] + t * radii[1])
    return out


@compiled_as_written
def ellipsoid_distance(x: Any, y: Any, z: Any, centre: Any, half_axes: Any, axes: Any) -> Any:
    """Return the signed distances of an ellipsoid; the rows of `axes` are its directions."""
    out = np.empty_like(x)
    a, b, c = half_axes
    for i in range(x.size):
        dx, dy, dz = x[i] - centre[0], y[i] - centre[1], z[i] - centre[2]
        u = (axes[0, 0] * dx + axes[0, 1] * dy + axes[0, 2] * dz) / a
        v = (axes[1, 0] * dx + axes[1, 1] * dy + axes[1, 2] * dz) / b
        w = (axes[2, 0] * dx + axes[2, 1] * dy + axes[2, 2] * dz) / c
        radius = np.sqrt(u * u + v * v + w * w)
        u, v, w = u / a, v / b, w / c
        slope = np.sqrt(u * u + v * v + w * w)
        out[i] = radius * (radius - ONE) / max(slope, SMALLEST)
    return out


@compiled_as_written
def frame_coordinates(x: Any, y: Any, z: Any, origin: Any, axes: Any) -> Any:
    """Return coordinates, shape (3, N), in a frame whose axes are the rows of `axes`."""
    out = np.empty((3, x.size), np.float32)
    for i in range(x.size):
        dx, dy, dz = x[i] - origin[0], y[i] - origin[1], z[i] - origin[2]
        for axis in range(3):
            out[axis, i] = axes[axis, 0] * dx + axes[axis, 1] * dy + axes[axis, 2] * dz
    return out


@compiled_as_written
def table_values(position: Any, first: Any, step: Any, table: Any, rises: Any, last: Any) -> Any:
    """Interpolate linearly in a table of evenly spaced values; constant beyond its ends."""
    out = np.empty_like(position)
    for i in range(position.size):
        place = min(max((position[i] - first) / step, ZERO), last)
        low = np.int32(place)
        # In double precision, as the difference of a float32 and a whole number is.
        out[i] = table[low] + (np.float64(place) - np.float64(low)) * np.float64(rises[low])
    return out


@compiled_as_written
def inside_box(x: Any, y: Any, z: Any, lower: Any, upper: Any) -> Any:
    """Return the positions of the points inside a box."""
    inside = np.empty(x.size, np.uint8)
    for i in range(x.size):
        inside[i] = (
            (x[i] > lower[0])
            & (x[i] < upper[0])
            & (y[i] > lower[1])
            & (y[i] < upper[1])
            & (z[i] > lower[2])
            & (z[i] < upper[2])
        )
    # In a loop of its own: the one above treats several points at a time.
    found = np.empty(x.size, np.intp)
    count = 0
    for i in range(x.size):
        found[count] = i
        count += inside[i]
    return found[:count]


@compiled_as_written
def phases_of(x: Any, y: Any, z: Any, wave: Any) -> Any:
    """Return the phases of a plane wave with this wave vector."""
    out = np.empty_like(x)
    for i in range(x.size):
        out[i] = wave[0] * x[i] + wave[1] * y[i] + wave[2] * z[i]
    return out


@compiled_as_written
def add_wave(values: Any, cos: Any, sin: Any, amplitudes: Any) -> None:
    """Add a wave to values (components, N), with the amplitudes of its cosine and sine in each."""
    for component in range(values.shape[0]):
        even, odd = amplitudes[component, 0], amplitudes[component, 1]
        for i in range(values.shape[1]):
            values[component, i] += even * cos[i] + odd * sin[i]
