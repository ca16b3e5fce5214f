"""The short axis from a segmentation that already exists."""

from __future__ import annotations

from regkit.geometry.volume import LabelMap
from regkit.registrar import Estimate, Pair
from regkit_ventricle.axis import long_axis
from regkit_ventricle.frame import upright_frame


class ReorientationFromSegmentation:
    """Aligns the short axis to the long axis of given labels; a `regkit.registrar.Registrar`.

    Labels do not show the rotation about the long axis: the planes are upright, as after a manual
    reorientation by two rotations; see `regkit_ventricle.frame.upright_frame`.

    Parameters
    ----------
    labels
        Labels in the space of the moving image: 1 myocardium, 2 blood pool.
    """

    def __init__(self, labels: LabelMap) -> None:
        self.labels = labels

    def register(self, pair: Pair) -> Estimate:  # noqa: ARG002 - the labels are enough
        """Return the map of short-axis to moving points, and the labels."""
        return Estimate(upright_frame(long_axis(self.labels)), self.labels)
