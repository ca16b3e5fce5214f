"""CT windowed in HU, PET in SUV, both from 0 to 1 within the body; and what was done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from regkit.errors import RegistrationError
from regkit.geometry.volume import LabelMap, Volume
from regkit_transmorph.preparation.body import TISSUE, body_of

Window = tuple[float, float]

# Chen et al. 2024, arXiv 2409.13863.
WINDOWS: Mapping[str, Window] = {"ct": (-300.0, 300.0), "pet": (0.0, 15.0)}
UNITS = {"ct": "HU", "pet": "SUV"}
# Reasons for which an image in another unit is refused, with the finding.
REFUSALS = {
    "ct": "the CT must be in HU, with air about -1000; {}",
    "pet": "the PET must be in SUV; {}. Give the DICOM series: regkit turns it into SUV, or names "
    "the tag that is missing for it",
}
# A CT that has nothing as dark as fat, and a PET whose brightest hundredth is brighter than any
# patient's, are in another unit.
LIGHTEST_HU, LARGEST_SUV = -50.0, 200.0


@dataclass(frozen=True, eq=False)
class Prepared:
    """An image made ready.

    Parameters
    ----------
    volume
        Intensities from 0 to 1 on the grid of the image, without a modality: neither HU nor SUV.
    body
        Mask of the patient.
    record
        Record of the preparation as plain data for `regkit.registrar.Estimate.diagnostics`.
    """

    volume: Volume
    body: LabelMap
    record: Mapping[str, Any]


def prepare(volume: Volume, modality: str = "", window: Window | None = None) -> Prepared:
    """Prepare a CT in HU or a PET in SUV; what is not the patient becomes 0.

    Parameters
    ----------
    volume
        Image on any grid.
    modality
        ``ct`` or ``pet``, of an image that does not say.
    window
        Intensities that become 0 and 1; by default those of `WINDOWS`.

    Raises
    ------
    RegistrationError
        The image is neither, is in another unit, or shows no body.
    """
    kind = volume.modality or modality
    if kind not in WINDOWS:
        raise RegistrationError(
            f"a CT and a PET are needed, got an image of modality '{kind or 'unknown'}'; "
            "say what it is with --fixed-modality or --moving-modality"
        )
    check_unit(volume, kind)
    low, high = window or WINDOWS[kind]
    body = body_of(volume, kind)
    scaled = np.clip((volume.array - np.float32(low)) / np.float32(high - low), 0, 1)
    array = np.where(body.array != 0, scaled, np.float32(0))
    record = {
        "modality": kind,
        "unit": UNITS[kind],
        "window": [low, high],
        **_amounts(volume, kind, body),
    }
    return Prepared(Volume(array, volume.grid), body, record)


def check_unit(volume: Volume, kind: str, assumed_role: str = "") -> None:
    """Refuse a CT that is not in HU, or a PET that is not in SUV, with a `RegistrationError`.

    Parameters
    ----------
    volume
        The image.
    kind
        ``ct`` or ``pet``.
    assumed_role
        ``fixed`` or ``moving``, if the modality of the image was assumed; empty if it was given.
    """
    finding = _other_unit(volume, kind)
    if not finding:
        return
    if assumed_role:
        raise RegistrationError(
            f"the {assumed_role} image was taken for a {kind.upper()} but is not in "
            f"{UNITS[kind]}: {finding}; give --{assumed_role}-modality"
        )
    raise RegistrationError(REFUSALS[kind].format(finding))


def _other_unit(volume: Volume, kind: str) -> str:
    """Return the finding that shows that an image is in another unit; empty if none does."""
    if kind == "ct":
        lowest = float(volume.array.min())
        return f"its lowest value is {lowest:g}" if lowest > LIGHTEST_HU else ""
    bright = float(np.quantile(volume.array, 0.99))
    return f"a hundredth of its values are above {bright:.4g}" if bright > LARGEST_SUV else ""


def _amounts(volume: Volume, kind: str, body: LabelMap) -> dict[str, float]:
    """Return the volume of the body, and of tissue or table beside it, in ml."""
    voxel_ml = float(np.prod(volume.grid.spacing)) / 1e3
    inside = body.array != 0
    beside = ~inside & (volume.array > TISSUE[kind])
    return {
        "body_ml": round(int(inside.sum()) * voxel_ml, 1),
        "removed_ml": round(int(beside.sum()) * voxel_ml, 1),
    }
