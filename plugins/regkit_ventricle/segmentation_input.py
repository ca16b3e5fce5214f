"""The short axis from a segmentation that somebody has already."""

from __future__ import annotations

from regkit.geometry.volume import LabelMap
from regkit.registrar import Estimate, Pair
from regkit_ventricle.axis import long_axis
from regkit_ventricle.frame import upright_frame


class ReorientationFromSegmentation:
    """Lays the short axis across the long axis of given labels; a `regkit.registrar.Registrar`.

    How the planes are turned about that axis no label tells: they stand upright, as they do after
    two turns in a scanner's planes; see `regkit_ventricle.frame.upright_frame`.

    Parameters
    ----------
    labels
        1 is myocardium, 2 the blood pool, in the space of the moving image.
    """

    def __init__(self, labels: LabelMap) -> None:
        self.labels = labels

    def register(self, pair: Pair) -> Estimate:  # noqa: ARG002 - the labels say it all
        """Return the map of short-axis to moving points, and the labels."""
        return Estimate(upright_frame(long_axis(self.labels)), self.labels)
