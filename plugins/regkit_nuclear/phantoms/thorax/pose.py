"""The pose of the left ventricle: six numbers, as in MS-ST-UNet's Table 2."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

import numpy as np

from regkit.geometry.grid import FloatArray, Vector3
from regkit.geometry.rotation import rotation_matrix
from regkit.geometry.transform import AffineTransform
from regkit_nuclear.painting.random_streams import RandomStream, generator, truncated_normal
from regkit_nuclear.painting.shapes import vector

Tracer: TypeAlias = Literal["spect", "pet"]

# Half of the field of view of 64 voxels of 6.8 mm (128 of 3.4 mm), centred at the LPS origin.
HALF_WIDTH_MM: Final = 217.6

# Mean, standard deviation, lowest and highest of alpha, beta, gamma (rad), tx, ty, tz
# (half-widths): Ni et al., 2023 (arXiv:2310.10095), Table 2. The paper gives extremes of the
# angles for SPECT only; the others are cut off at 2.2 standard deviations.
_TABLE: Final = {
    "spect": (
        (-0.83, 0.22, -1.49, -0.26),
        (-1.14, 0.27, -1.68, -0.32),
        (1.22, 0.27, 0.66, 1.80),
        (-0.19, 0.06, -0.32, -0.06),
        (0.15, 0.08, -0.02, 0.31),
        (-0.29, 0.09, -0.47, -0.09),
    ),
    "pet": (
        (-0.79, 0.18, -1.19, -0.39),
        (-0.97, 0.21, -1.43, -0.51),
        (1.21, 0.19, 0.79, 1.63),
        (-0.18, 0.05, -0.29, -0.07),
        (0.10, 0.06, -0.03, 0.23),
        (-0.24, 0.03, -0.31, -0.17),
    ),
}


class HeartPose(NamedTuple):
    """The six reorientation parameters: angles in rad, translations in half-widths.

    The columns of R = Ry(alpha) Rx(beta) Rz(gamma) are the ventricle's lateral, inferior and
    base directions in LPS; its centre is at -t times the half-width of 217.6 mm.
    """

    alpha: float
    beta: float
    gamma: float
    tx: float
    ty: float
    tz: float

    @property
    def rotation(self) -> FloatArray:
        """3 x 3 matrix whose columns are the lateral, inferior and base directions in LPS."""
        alpha, beta, gamma = np.rad2deg(self[:3])
        about_y, about_x = rotation_matrix((0, alpha, 0)), rotation_matrix((beta, 0, 0))
        return np.asarray(about_y @ about_x @ rotation_matrix((0, 0, gamma)))

    @property
    def centre_mm(self) -> Vector3:
        """The ventricle's centre in LPS mm."""
        return vector(np.multiply(self[3:], -HALF_WIDTH_MM))

    @property
    def to_lps(self) -> AffineTransform:
        """The map of points of the ventricle's short-axis frame to the patient, LPS mm."""
        return AffineTransform.about(self.rotation, self.centre_mm, (0.0, 0.0, 0.0))

    def moved(self, shift_mm: Vector3) -> HeartPose:
        """Return the pose of the ventricle after a shift in LPS mm."""
        tx, ty, tz = np.subtract(self[3:], np.divide(shift_mm, HALF_WIDTH_MM)).tolist()
        return self._replace(tx=tx, ty=ty, tz=tz)


def draw_pose(seed: int, tracer: Tracer) -> HeartPose:
    """Draw a pose from the table of the tracer's modality."""
    rng = generator(seed, RandomStream.POSE)
    return HeartPose(*(truncated_normal(rng, *row) for row in _TABLE[tracer]))
