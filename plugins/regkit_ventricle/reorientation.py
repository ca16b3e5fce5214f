"""Measurements of a reoriented ventricle: its long axis and its polar map."""

from __future__ import annotations

from dataclasses import dataclass

from regkit.errors import RegistrationError
from regkit.geometry.transform import AffineTransform, Transform
from regkit.geometry.volume import LabelMap, Volume
from regkit_ventricle.axis import LongAxis, long_axis
from regkit_ventricle.frame import frame_along_axis
from regkit_ventricle.labels import Ventricle, ventricle_of
from regkit_ventricle.polar_map import PolarMap, polar_map


@dataclass(frozen=True, eq=False)
class Reorientation:
    """A left ventricle in its short-axis frame.

    Parameters
    ----------
    image
        Image as it was acquired.
    labels
        Labels in the space of the image: 1 myocardium, 2 blood pool.
    transform
        Map of points of the short-axis frame to the image, LPS mm.
    ventricle, axis
        Ventricle in the labels, and its long axis.
    aligned
        Short-axis frame along the ventricle's long axis, rotated about it like the transform. The
        polar map is sampled in it: an error of the transform tilts the slices, not the map.
    polar
        Polar map of the uptake.
    """

    image: Volume
    labels: LabelMap
    transform: Transform
    ventricle: Ventricle
    axis: LongAxis
    aligned: AffineTransform
    polar: PolarMap


def measure_ventricle(image: Volume, labels: LabelMap, transform: Transform) -> Reorientation:
    """Measure a reoriented ventricle; see `Reorientation` for the parameters.

    Raises
    ------
    RegistrationError
        The labels show no left ventricle.
    """
    ventricle = ventricle_of(labels)
    if not image.grid.contains(ventricle.points).any():
        raise RegistrationError(
            "no part of the labelled ventricle is in the field of view of the image; "
            "do the labels belong to this image?"
        )
    axis = long_axis(ventricle)
    aligned = frame_along_axis(axis, transform)
    polar = polar_map(image, ventricle, axis, aligned)
    return Reorientation(image, labels, transform, ventricle, axis, aligned, polar)
