"""Values as an image: each at a point of its own, whatever is beside it."""

import numpy as np


def image_of(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return an image, a map (1, 3, 4) to its indices, and points (3, N) that show the values."""
    image = np.repeat(values.astype(np.float32), 2)[None, None]
    to_index = np.zeros((1, 3, 4))
    to_index[0, 2] = 2.0, 0.0, 0.0, 0.5  # between two voxels of the same value
    points = np.zeros((3, len(values)), np.float32)
    points[0] = np.arange(len(values))
    return image, to_index, points
