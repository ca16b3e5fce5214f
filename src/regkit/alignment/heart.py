"""The myocardium in an emission image: by given labels, or by a method that segments it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from regkit.errors import ParameterError, RegistrationError, RegkitError
from regkit.geometry.grid import FloatArray, Vector3
from regkit.geometry.volume import LabelMap, Volume
from regkit.registrar import Pair
from regkit.registration.initialization import align_centers
from regkit.registration.pipeline import build_method
from regkit.registration.run import run
from regkit.registry import Registry, default_registry

# The method that finds the left ventricle, the frame that it reorients to, and its label of the
# myocardium (1 myocardium, 2 blood pool).
SEGMENTATION_METHOD, FRAME, MYOCARDIUM = "ms-st-unet", "short-axis", 1
# Fewer voxels of myocardium show no share of 3 %; chosen by hand.
FEWEST_VOXELS = 30


@dataclass(frozen=True, eq=False)
class Myocardium:
    """The myocardium in an emission image.

    Parameters
    ----------
    points
        Centres of its voxels, LPS mm, shape (N, 3).
    source
        Origin of the labels: a method or ``labels``.
    """

    points: FloatArray
    source: str

    @property
    def centre(self) -> Vector3:
        """Centre of the myocardium, LPS mm."""
        x, y, z = self.points.mean(axis=0).tolist()
        return x, y, z


def myocardium_in_labels(labels: LabelMap, source: str = "labels") -> Myocardium:
    """Return the myocardium of a segmentation of the emission image.

    Parameters
    ----------
    labels
        Label 1 is the myocardium; where only one label exists, that one.
    source
        Origin of the labels.

    Raises
    ------
    ParameterError
        The myocardium has hardly any voxel, or several labels are none of the left ventricle.
    """
    present = labels.labels
    if len(present) > 2 and source == "labels":
        raise ParameterError(
            f"the labels have {len(present)} different numbers ({_listed(present)}), and which is "
            "the myocardium is not known; name it with --myocardium, or give a map where it is 1"
        )
    wanted = present[0] if len(present) == 1 else MYOCARDIUM
    index = np.argwhere(labels.array == wanted)
    if len(index) < FEWEST_VOXELS:
        raise ParameterError(
            f"the labels have {len(index)} voxels of myocardium (number {wanted}), and at least "
            f"{FEWEST_VOXELS} are needed; give a segmentation of the emission image"
        )
    return Myocardium(labels.grid.to_physical(index), source)


def find_ventricle(
    emission: Volume, device: str = "auto", registry: Registry | None = None
) -> LabelMap:
    """Return the labels of the left ventricle in an emission image, by `SEGMENTATION_METHOD`.

    Raises
    ------
    RegkitError
        The method cannot be used, or finds no left ventricle.
    """
    registry = registry or default_registry()
    frame = registry.frame(FRAME).load()()
    method = build_method(SEGMENTATION_METHOD, {}, registry, {"device": device})
    pair = Pair(frame.fixed(emission), emission)
    pair = replace(pair, initial=align_centers(pair))
    result = run(method, pair, SEGMENTATION_METHOD, judged_by=frame)
    labels = result.estimate.labels
    if labels is None or result.verdict.status == "FAIL":
        reasons = "; ".join(result.verdict.reasons) or "it gave no labels"
        raise RegistrationError(f"{SEGMENTATION_METHOD} found no left ventricle: {reasons}")
    return labels


def myocardium_or_reason(
    emission: Volume, labels: LabelMap | None, device: str
) -> tuple[Myocardium | None, str]:
    """Return the myocardium, or None and a sentence that says why it was not found."""
    if labels is not None:
        return myocardium_in_labels(labels), ""
    try:
        return myocardium_in_labels(find_ventricle(emission, device), SEGMENTATION_METHOD), ""
    except RegkitError as error:
        return None, (
            f"the heart was not found in the emission image ({error}), so that the shift is that "
            "of the middle of the body and there is no index; give --labels"
        )


def _listed(numbers: tuple[int, ...]) -> str:
    """Return the first numbers, with commas."""
    return ", ".join(map(str, numbers[:8])) + (", ..." if len(numbers) > 8 else "")
