"""Self-similarity descriptors of an image, and their differences at mapped points.

MIND-SSC: Heinrich et al. 2013, doi:10.1007/978-3-642-40811-3_24.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit.compiled import compiled
from regkit_instance.numba_backend.exponentials import exponentials

# Neighbors (z, y, x) of a voxel, in units of the neighbor distance, whose patches are compared:
# the twelve pairs of its six neighbors that are not opposite each other.
PAIRS = np.array(
    [
        [np.eye(3, dtype=np.int64)[a] * one, np.eye(3, dtype=np.int64)[b] * other]
        for a, b in ((0, 1), (0, 2), (1, 2))
        for one in (1, -1)
        for other in (1, -1)
    ]
)
CHANNELS = len(PAIRS)
# Distance of a neighbor and radius of a patch in voxels; voxels around a voxel that its
# descriptor depends on. Distance and radius are those of the paper.
DISTANCE, RADIUS = 2, 1
SUPPORT = DISTANCE + RADIUS
# Bounds of the noise estimate of a voxel relative to the mean one, as in the authors' program.
LEAST_NOISE, MOST_NOISE = 1e-3, 1e3
# Squared intensity from 0 to 1 that is rounding: keeps descriptors of constant images finite.
MIN_NOISE = 1e-10


@compiled
def describe_neighborhoods(image: Any, pairs: Any, descriptors: Any) -> None:
    """Fill in the descriptor of every voxel that has `SUPPORT` voxels on every side.

    A channel is exp(-D / V): D is the mean squared difference of two patches, less the smallest
    of the voxel; V is the mean of D over the channels, an estimate of the noise. Voxels that are
    unknown count in no patch; where a whole patch is unknown, so is the descriptor.

    Parameters
    ----------
    image
        Intensities, shape (z + 6, y + 6, x + 6), float32; NaN is unknown.
    pairs
        Pairs of neighbors in voxels, shape (C, 2, 3).
    descriptors
        Filled with numbers from 0 to 1, shape (z, y, x, C), float32; NaN is unknown.
    """
    height, width = descriptors.shape[1], descriptors.shape[2]
    totals = np.empty((height + 2 * RADIUS, width + 2 * RADIUS), np.float32)
    counts, sums = np.empty(totals.shape, np.float32), np.empty((2, totals.shape[1]), np.float32)
    noise = counted = 0.0
    for z in range(descriptors.shape[0]):
        plane = descriptors[z]
        for c in range(pairs.shape[0]):
            add_squared_differences(image, z, pairs[c], totals, counts)
            for y in range(height):
                divide_patches(totals[y:], counts[y:], sums, plane[y, :, c])
        for y in range(height):
            for x in range(width):
                mean = subtract_smallest(plane[y, x])
                if mean == mean:
                    noise += mean
                    counted += 1.0
    noise = max(noise / max(counted, 1.0), MIN_NOISE)
    powers = np.empty(height * width * descriptors.shape[3], np.int32)
    for z in range(descriptors.shape[0]):
        plane = descriptors[z]
        for row in plane.reshape(-1, plane.shape[2]):
            own = min(max(row.mean(), LEAST_NOISE * noise), MOST_NOISE * noise)
            scale = np.float32(-1.0 / own)
            for c in range(row.shape[0]):
                row[c] *= scale
        exponentials(plane.reshape(plane.size), powers)


@compiled
def add_squared_differences(image: Any, z: int, pair: Any, totals: Any, counts: Any) -> None:
    """Sum squared differences of two neighbors' slices of patches, and count the known ones."""
    totals[:] = 0.0
    counts[:] = 0.0
    width = totals.shape[1]
    one, other = SUPPORT + pair[0], SUPPORT + pair[1]
    for dz in range(-RADIUS, RADIUS + 1):
        for y in range(totals.shape[0]):
            a = image[z + one[0] + dz, y + one[1] - RADIUS, one[2] - RADIUS :][:width]
            b = image[z + other[0] + dz, y + other[1] - RADIUS, other[2] - RADIUS :][:width]
            total, count = totals[y], counts[y]
            for x in range(width):
                d = a[x] - b[x]
                known = d == d
                total[x] += d * d if known else np.float32(0.0)
                count[x] += np.float32(1.0) if known else np.float32(0.0)


@compiled
def divide_patches(totals: Any, counts: Any, sums: Any, means: Any) -> None:
    """Fill in the mean squared differences of the patches around a row; `sums` is scratch."""
    total, count = sums[0], sums[1]
    for x in range(total.shape[0]):
        total[x] = totals[0, x] + totals[1, x] + totals[2, x]
        count[x] = counts[0, x] + counts[1, x] + counts[2, x]
    for x in range(means.shape[0]):
        known = count[x] + count[x + 1] + count[x + 2]
        means[x] = (total[x] + total[x + 1] + total[x + 2]) / known


@compiled
def subtract_smallest(channels: Any) -> Any:
    """Subtract the smallest of the channels from each, and return their mean; NaN stays NaN."""
    smallest, total = channels[0], np.float32(0.0)
    for c in range(channels.shape[0]):
        smallest = min(smallest, channels[c])
        total += channels[c]
    for c in range(channels.shape[0]):
        channels[c] = channels[c] - smallest if total == total else total
    return total / np.float32(channels.shape[0]) - smallest


@compiled
def look_up_descriptors(volume: Any, to_index: Any, points: Any, found: Any) -> None:
    """Interpolate descriptors linearly at points.

    Parameters
    ----------
    volume
        Descriptors, shape (z, y, x, C), float32; NaN is unknown.
    to_index
        Affine map from points to indices (z, y, x), shape (3, 4).
    points
        Points x, y, z in mm, shape (3, N), float32.
    found
        Filled, shape (N, C), float32; NaN outside the volume.
    """
    slopes = np.empty((3, found.shape[1]), np.float32)
    for i in range(points.shape[1]):
        look_up(volume, to_index, points[:, i], found[i], slopes)


@compiled
def look_up(volume: Any, m: Any, point: Any, values: Any, slopes: Any) -> None:
    """Fill in the descriptor at a mapped point, and its derivatives by the index (3, C)."""
    z = m[0, 0] * point[0] + m[0, 1] * point[1] + m[0, 2] * point[2] + m[0, 3]
    y = m[1, 0] * point[0] + m[1, 1] * point[1] + m[1, 2] * point[2] + m[1, 3]
    x = m[2, 0] * point[0] + m[2, 1] * point[1] + m[2, 2] * point[2] + m[2, 3]
    top_z, top_y, top_x = volume.shape[0] - 1, volume.shape[1] - 1, volume.shape[2] - 1
    if not (0.0 <= z < top_z and 0.0 <= y < top_y and 0.0 <= x < top_x):
        values[:] = np.nan
        return
    k, j, l = int(z), int(y), int(x)  # noqa: E741
    wz, wy, wx = np.float32(z - k), np.float32(y - j), np.float32(x - l)
    near, far = volume[k, j : j + 2, l : l + 2], volume[k + 1, j : j + 2, l : l + 2]
    for c in range(values.shape[0]):
        d000, d010 = near[0, 1, c] - near[0, 0, c], near[1, 1, c] - near[1, 0, c]
        d100, d110 = far[0, 1, c] - far[0, 0, c], far[1, 1, c] - far[1, 0, c]
        v00, v01 = near[0, 0, c] + wx * d000, near[1, 0, c] + wx * d010
        v10, v11 = far[0, 0, c] + wx * d100, far[1, 0, c] + wx * d110
        v0, v1 = v00 + wy * (v01 - v00), v10 + wy * (v11 - v10)
        dx0, dx1 = d000 + wy * (d010 - d000), d100 + wy * (d110 - d100)
        values[c] = v0 + wz * (v1 - v0)
        slopes[0, c] = v1 - v0
        slopes[1, c] = (v01 - v00) + wz * ((v11 - v10) - (v01 - v00))
        slopes[2, c] = dx0 + wz * (dx1 - dx0)


@compiled
def squared_differences(
    volume: Any, maps: Any, points: Any, wanted: Any, min_points: int, scores: Any, by_maps: Any
) -> None:
    """Score maps by minus the mean squared difference of descriptors at the mapped points.

    Parameters
    ----------
    volume
        Descriptors of the moving image, as for `look_up_descriptors`.
    maps
        Affine maps from points to indices (z, y, x), shape (B, 3, 4).
    points
        Points x, y, z in mm, shape (3, N), float32.
    wanted
        Descriptors of the fixed image there, shape (N, C), float32.
    min_points
        Number of points that must map to known descriptors for a score.
    scores
        Filled, shape (B,), at most zero; minus infinity where too few points are known.
    by_maps
        Filled with the derivatives by the entries of the maps, shape (B, 3, 4), float64.
    """
    channels = wanted.shape[1]
    values, slopes = np.empty(channels, np.float32), np.empty((3, channels), np.float32)
    for b in range(maps.shape[0]):
        total = counted = 0.0
        by_map = by_maps[b]
        by_map[:] = 0.0
        for i in range(points.shape[1]):
            look_up(volume, maps[b], points[:, i], values, slopes)
            square: Any = np.float32(0.0)
            by_z: Any = np.float32(0.0)
            by_y: Any = np.float32(0.0)
            by_x: Any = np.float32(0.0)
            for c in range(channels):
                d = values[c] - wanted[i, c]
                square += d * d
                by_z += d * slopes[0, c]
                by_y += d * slopes[1, c]
                by_x += d * slopes[2, c]
            if not square == square:
                continue
            counted += 1.0
            total += square
            for row, slope in enumerate((by_z, by_y, by_x)):
                by_map[row, 0] += slope * points[0, i]
                by_map[row, 1] += slope * points[1, i]
                by_map[row, 2] += slope * points[2, i]
                by_map[row, 3] += slope
        known = counted >= min_points
        scores[b] = -total / (counted * channels) if known else -np.inf
        by_map *= -2.0 / (counted * channels) if known else 0.0
