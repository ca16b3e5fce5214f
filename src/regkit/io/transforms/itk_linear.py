"""Linear transforms of ITK: the matrix that parameters and fixed parameters of each type mean.

The meanings are those of the ITK Software Guide and of the classes' documentation,
https://itk.org/Doxygen. Points map as x -> M (x - c) + c + t.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from regkit.errors import TransformError
from regkit.geometry.grid import FloatArray
from regkit.geometry.transform import AffineTransform

# Norm of a versor's vector part from which ITK takes it for a half turn, and shortens it so.
_HALF_TURN = 1 - 1e-10
# Difference of a quaternion's norm from 1 that is no rounding of six digits; chosen by hand.
_NORM_EXCESS = 1e-3
_MATRIX, _SHIFT = slice(0, 9), slice(9, 12)


@dataclass(frozen=True)
class LinearType:
    """A linear type of ITK's.

    Parameters
    ----------
    parameters
        Number of its parameters.
    fixed
        Numbers of fixed parameters that it may have.
    matrix
        Function that returns the 3 x 3 matrix of the parameters.
    shift
        Parameters of the translation; None if it has none.
    """

    parameters: int
    fixed: tuple[int, ...]
    matrix: Callable[[FloatArray, FloatArray], FloatArray]
    shift: slice | None = None

    def transform(self, parameters: FloatArray, fixed: FloatArray) -> AffineTransform:
        """Return the transform of parameters and fixed parameters."""
        shift = np.zeros(3) if self.shift is None else parameters[self.shift]
        center = fixed[:3] if fixed.size else np.zeros(3)
        return AffineTransform.about(self.matrix(parameters, fixed), shift, center)


def _nine(p: FloatArray, fixed: FloatArray) -> FloatArray:  # noqa: ARG001
    return p[_MATRIX].reshape(3, 3)


def _unit(p: FloatArray, fixed: FloatArray) -> FloatArray:  # noqa: ARG001
    return np.eye(3)


def _euler(p: FloatArray, fixed: FloatArray) -> FloatArray:
    """Return Rz Rx Ry, or Rz Ry Rx if the last of four fixed parameters says so."""
    x, y, z = (_about_axis(axis, angle) for axis, angle in enumerate(p[:3]))
    by_zyx = fixed.size == 4 and fixed[3] != 0
    return np.asarray(z @ y @ x if by_zyx else z @ x @ y)


def _about_axis(axis: int, angle: float) -> FloatArray:
    cosine, sine = np.cos(angle), np.sin(angle)
    first, second = (axis + 1) % 3, (axis + 2) % 3
    turn = np.eye(3)
    turn[[first, second], [first, second]] = cosine
    turn[second, first], turn[first, second] = sine, -sine
    return turn


def _versor(p: FloatArray, fixed: FloatArray) -> FloatArray:  # noqa: ARG001
    """Return the rotation of the vector part of a unit quaternion."""
    vector = p[:3]
    norm = float(np.linalg.norm(vector))
    if norm >= _HALF_TURN:
        vector = vector / (norm * (1 + 1e-10))
    return _of_quaternion(np.array([*vector, np.sqrt(max(0.0, 1 - float(vector @ vector)))]))


def _quaternion(p: FloatArray, fixed: FloatArray) -> FloatArray:  # noqa: ARG001
    norm = float(np.linalg.norm(p[:4]))
    if abs(norm - 1) > _NORM_EXCESS:
        raise TransformError(f"its quaternion must have the norm 1, got {norm:.4g}")
    return _of_quaternion(p[:4] / norm)


def _of_quaternion(quaternion: FloatArray) -> FloatArray:
    """Return the rotation of a unit quaternion x, y, z, w."""
    x, y, z, w = quaternion
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def _similarity(p: FloatArray, fixed: FloatArray) -> FloatArray:
    return np.asarray(_versor(p, fixed) * p[6])


def _scale_versor(p: FloatArray, fixed: FloatArray) -> FloatArray:
    return _versor(p, fixed) + np.diag(p[6:9] - 1)


def _scale_skew_versor(p: FloatArray, fixed: FloatArray) -> FloatArray:
    skew = np.zeros((3, 3))
    skew[~np.eye(3, dtype=bool)] = p[9:15]
    return _scale_versor(p, fixed) + skew


def _compose_scale_skew_versor(p: FloatArray, fixed: FloatArray) -> FloatArray:
    skew = np.eye(3)
    skew[[0, 0, 1], [1, 2, 2]] = p[9:12]
    return np.asarray(_versor(p, fixed) @ np.diag(p[6:9]) @ skew)


def _scale(p: FloatArray, fixed: FloatArray) -> FloatArray:  # noqa: ARG001
    return np.diag(p[:3])


def _scale_logarithmic(p: FloatArray, fixed: FloatArray) -> FloatArray:  # noqa: ARG001
    return np.diag(np.exp(p[:3]))


_AFFINE = LinearType(12, (3,), _nine, _SHIFT)
LINEAR_TYPES = {
    "AffineTransform": _AFFINE,
    "MatrixOffsetTransformBase": _AFFINE,
    "Euler3DTransform": LinearType(6, (3, 4), _euler, slice(3, 6)),
    "VersorTransform": LinearType(3, (3,), _versor),
    "VersorRigid3DTransform": LinearType(6, (3,), _versor, slice(3, 6)),
    "Similarity3DTransform": LinearType(7, (3,), _similarity, slice(3, 6)),
    "ScaleVersor3DTransform": LinearType(9, (3,), _scale_versor, slice(3, 6)),
    "ScaleSkewVersor3DTransform": LinearType(15, (3,), _scale_skew_versor, slice(3, 6)),
    "ComposeScaleSkewVersor3DTransform": LinearType(
        12, (3,), _compose_scale_skew_versor, slice(3, 6)
    ),
    "ScaleTransform": LinearType(3, (3,), _scale),
    "ScaleLogarithmicTransform": LinearType(3, (3,), _scale_logarithmic),
    "QuaternionRigidTransform": LinearType(7, (3,), _quaternion, slice(4, 7)),
    "TranslationTransform": LinearType(3, (0,), _unit, slice(0, 3)),
    "IdentityTransform": LinearType(0, (0,), _unit),
}
