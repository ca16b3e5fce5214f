"""What a reorientation shows: the ventricle, its axis, its polar map, and how far to trust it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from regkit.errors import RegistrationError
from regkit.geometry.transform import AffineTransform, Transform
from regkit.geometry.volume import LabelMap, Volume
from regkit.registration.verdict import Verdict
from regkit_ventricle.axis import LongAxis, long_axis
from regkit_ventricle.frame import along_axis
from regkit_ventricle.labels import Ventricle, ventricle_of
from regkit_ventricle.polar_map import PolarMap, polar_map
from regkit_ventricle.verdict import assess_reorientation


@dataclass(frozen=True, eq=False)
class Reorientation:
    """A left ventricle in its short-axis frame.

    Parameters
    ----------
    image
        The image as it was acquired.
    labels
        1 is myocardium, 2 the blood pool, in the image's space.
    transform
        Maps points of the short-axis frame to the image, LPS mm.
    ventricle, axis
        What the labels show.
    aligned
        The frame of the ventricle's own axis, turned about it like the transform; the polar map
        belongs to it, so that a transform that is off tilts the views but not the map.
    polar
        The polar map.
    verdict
        Whether all that can be trusted.
    """

    image: Volume
    labels: LabelMap
    transform: Transform
    ventricle: Ventricle
    axis: LongAxis
    aligned: AffineTransform
    polar: PolarMap
    verdict: Verdict


def reorientation(
    image: Volume, labels: LabelMap, transform: Transform, warnings: Iterable[str] = ()
) -> Reorientation:
    """Measure a reoriented ventricle; parameters as of `Reorientation`.

    Raises
    ------
    RegistrationError
        The labels show no left ventricle.
    """
    ventricle = ventricle_of(labels)
    if not image.grid.contains(ventricle.points).any():
        raise RegistrationError(
            "the labels lie off the image: none of the ventricle is in its field of view; "
            "do they belong to this image?"
        )
    axis = long_axis(ventricle)
    aligned = along_axis(axis, transform)
    polar = polar_map(image, ventricle, axis, aligned)
    verdict = assess_reorientation(image, ventricle, axis, transform, polar, warnings=warnings)
    return Reorientation(image, labels, transform, ventricle, axis, aligned, polar, verdict)
