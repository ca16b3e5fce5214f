"""The left ventricle in whose wall the polar maps of a study are sampled."""

from __future__ import annotations

from dataclasses import dataclass

from regkit.geometry.grid import FloatArray
from regkit.geometry.transform import AffineTransform
from regkit.geometry.volume import LabelMap, Volume
from regkit.registrar import Pair
from regkit.registration.initialization import align_centers
from regkit.registration.pipeline import build_method
from regkit.registration.run import RegistrationResult, run
from regkit.registration.verdict import Verdict
from regkit_ventricle.axis import LongAxis
from regkit_ventricle.labels import Ventricle
from regkit_ventricle.polar_map import PolarMap, polar_map
from regkit_ventricle.short_axis import ShortAxis, measure_reorientation

# Segments the ventricle and finds its short axis, as `regkit reorient` does.
SEGMENTATION_METHOD = "ms-st-unet+lv-walls+lv-axis"


@dataclass(frozen=True, eq=False)
class SampledVentricle:
    """A left ventricle; all images of a study are sampled in the same wall.

    Parameters
    ----------
    labels
        Labels in the space of the SPECT: 1 myocardium, 2 blood pool.
    ventricle, axis, frame
        Ventricle in the labels, its long axis, and its short-axis frame.
    method
        Source of the labels.
    verdict
        Verdict on the labels and the frame.
    """

    labels: LabelMap
    ventricle: Ventricle
    axis: LongAxis
    frame: AffineTransform
    method: str
    verdict: Verdict

    @property
    def centre_mm(self) -> FloatArray:
        """Centre of wall and cavity, LPS mm, shape (3,)."""
        return self.ventricle.centre

    @property
    def range_z_mm(self) -> tuple[float, float]:
        """Lowest and highest z of the ventricle, LPS mm."""
        z = self.ventricle.points[:, 2]
        return float(z.min()), float(z.max())

    def sample(self, image: Volume) -> PolarMap:
        """Return the polar map of an image."""
        return polar_map(image, self.ventricle, self.axis, self.frame)


def find_heart(
    image: Volume, labels: LabelMap | None = None, method: str = "", device: str = "auto"
) -> SampledVentricle:
    """Find the left ventricle in a SPECT.

    Parameters
    ----------
    image
        SPECT, best with attenuation correction.
    labels
        Labels to use instead of a method: 1 myocardium, 2 blood pool.
    method
        Method that segments the ventricle; empty for `SEGMENTATION_METHOD`.
    device
        Device of the method.

    Raises
    ------
    RegistrationError
        There is no left ventricle in the labels.
    """
    result = _reoriented(image, labels, method or SEGMENTATION_METHOD, device)
    found = measure_reorientation(result)
    return SampledVentricle(
        found.labels, found.ventricle, found.axis, found.aligned, result.method, result.verdict
    )


def _reoriented(
    image: Volume, labels: LabelMap | None, method: str, device: str
) -> RegistrationResult:
    frame = ShortAxis()
    fixed = frame.fixed(image)
    if labels is not None:
        return run(frame.from_segmentation(labels), Pair(fixed, image), "labels", judged_by=frame)
    registrar = build_method(method, defaults={"device": device})
    pair = Pair(fixed, image, initial=align_centers(Pair(fixed, image)))
    return run(registrar, pair, method, judged_by=frame)
