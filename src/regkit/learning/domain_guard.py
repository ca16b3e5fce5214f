"""The domain guard: it says how an image differs from those that a network was trained on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regkit.geometry.grid import Vector3

Range = tuple[float, float]

# Fraction of a feature's range in training by which an image may leave it without a warning;
# chosen by hand.
TOLERANCE = 0.25
# Linear attenuation in 1/cm: noise below zero, which is within 0.3, and more than any tissue or
# implant has at the photon energies of SPECT and PET. A CT in HU goes beyond both. Chosen by hand.
MU_TOLERANCE, MU_MAX = 1.0, 5.0
FEATURE_NAMES = {
    "mean": "mean intensity",
    "std": "contrast",
    "known_fraction": "fraction of the network's field of view that the image covers",
    "voxel_mm": "voxel size in mm",
}
# Weights for attenuation maps take a CT: `regkit.learning.preprocessing` scales both to the same
# tissues.
COMPATIBLE_MODALITIES = {"mu": "ct"}


@dataclass(frozen=True, kw_only=True)
class ImageDomain:
    """The images of one role, fixed or moving, that a network was trained on.

    Parameters
    ----------
    modalities
        Modalities as of `regkit.geometry.volume.Volume`; the first one is assumed for an image
        without a modality.
    extent_mm
        Mean size of the field of view along x, y, z.
    center_of_mass_offset_mm
        Mean offset of the center of mass from the center of the field of view, LPS.
    ranges
        Least and greatest value of each feature of `domain_features`.
    """

    modalities: tuple[str, ...]
    extent_mm: Vector3
    center_of_mass_offset_mm: Vector3 = (0.0, 0.0, 0.0)
    ranges: Mapping[str, Range] = field(default_factory=dict)

    @property
    def modality(self) -> str:
        """The modality that is assumed for an image without one; empty if none is known."""
        return self.modalities[0] if self.modalities else ""

    @property
    def known_modalities(self) -> frozenset[str]:
        """The modalities that the network takes: those of training, and compatible ones."""
        compatible = (
            COMPATIBLE_MODALITIES[m] for m in self.modalities if m in COMPATIBLE_MODALITIES
        )
        return frozenset((*self.modalities, *compatible))


def domain_features(seen: NDArray[np.float32], voxel_mm: float) -> dict[str, float]:
    """Return the features of an image that the guard compares.

    Parameters
    ----------
    seen
        Preprocessed image on the network's grid, NaN outside its field of view.
    voxel_mm
        Longest side of the voxels of the original image in mm.
    """
    known = np.isfinite(seen)
    values = seen[known]
    return {
        "mean": float(values.mean()) if values.size else 0.0,
        "std": float(values.std()) if values.size else 0.0,
        "known_fraction": float(known.mean()),
        "voxel_mm": voxel_mm,
    }


def measure_domain(
    features: Sequence[Mapping[str, float]],
    facts: Sequence[Mapping[str, Any]],
    network_voxel_mm: float,
) -> ImageDomain:
    """Return the domain of the images of one role.

    Parameters
    ----------
    features
        Features of images as the network saw them in training.
    facts
        Facts of the original images, as `regkit.learning.cached_pair.image_facts` returns them.
    network_voxel_mm
        Voxel size in mm up to which images are as good as finer ones: those are smoothed.
    """
    ranges: dict[str, Range] = {
        name: (min(f[name] for f in features), max(f[name] for f in features))
        for name in features[0]
    }
    if "known_fraction" in ranges:
        ranges["known_fraction"] = (ranges["known_fraction"][0], 1.0)
    ranges["voxel_mm"] = (0.0, max(*(fact["voxel_mm"] for fact in facts), network_voxel_mm))
    extent, offset = (
        np.mean([fact[name] for fact in facts], axis=0).tolist()
        for name in ("extent_mm", "center_of_mass_offset_mm")
    )
    modalities = dict.fromkeys(fact["modality"] for fact in facts if fact["modality"])
    return ImageDomain(
        modalities=tuple(modalities),
        extent_mm=tuple(extent),
        center_of_mass_offset_mm=tuple(offset),
        ranges=ranges,
    )


def measure_pair_domains(
    seen: Iterable[Sequence[NDArray[np.float32]]],
    facts: Sequence[Mapping[str, Any]],
    network_voxel_mm: float,
) -> dict[str, ImageDomain]:
    """Return the domains of the ``fixed`` and the ``moving`` images of a training.

    Parameters
    ----------
    seen
        Fixed and moving image of many cases as the network saw them in training.
    facts
        Facts of each case; those of its images under ``fixed`` and ``moving``.
    network_voxel_mm
        Voxel size of `measure_domain`.
    """
    features: dict[str, list[dict[str, float]]] = {"fixed": [], "moving": []}
    for images in seen:
        for role, image in zip(features, images, strict=True):
            features[role].append(domain_features(image, voxel_mm=0.0))
    return {
        role: measure_domain(found, [case[role] for case in facts], network_voxel_mm)
        for role, found in features.items()
    }


def domain_warnings(
    domain: ImageDomain,
    method: str,
    role: str,
    modality: str,
    features: Mapping[str, float],
    *,
    names: Mapping[str, str] = FEATURE_NAMES,
) -> Iterator[str]:
    """Yield one sentence for each way in which an image differs from those of training.

    Parameters
    ----------
    domain
        Images of this role in training.
    method
        Name of the method, for the sentences.
    role
        ``fixed`` or ``moving``, for the sentences.
    modality
        Modality of the image; empty if it does not say.
    features
        Features of the image; those without a range in training are ignored.
    names
        Names of the features for people.
    """
    if modality and modality not in domain.known_modalities:
        learned = " and ".join(domain.modalities)
        yield f"the {role} image is {modality}, and {method} was trained on {learned}"
    for name, (low, high) in domain.ranges.items():
        value, slack = features.get(name, low), TOLERANCE * (high - low)
        if not low - slack <= value <= high + slack:
            yield (
                f"the {role} image's {names.get(name, name)} is {value:.3g}; the training images "
                f"of {method} had {_range_text(value, low, high)}"
            )


def _range_text(value: float, low: float, high: float) -> str:
    """Return the range of training in words; a lower end of 0 is left out above the range."""
    if low == high:
        return f"always {high:.3g}"
    return f"at most {high:.3g}" if not low and value > high else f"{low:.3g} to {high:.3g}"


def unit_mismatch(values: NDArray[Any], modality: str, role: str) -> str | None:
    """Return a sentence on an image that cannot be in the unit of a modality, or None.

    Parameters
    ----------
    values
        Original intensities.
    modality
        Modality that the image is taken for.
    role
        ``fixed`` or ``moving``, for the sentence.
    """
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if modality == "mu" and (low < -MU_TOLERANCE or high > MU_MAX):
        return (
            f"the {role} image runs from {low:g} to {high:g}: not an attenuation map in 1/cm; "
            f"if it is a CT in HU, give `--{role}-modality ct`"
        )
    if modality == "ct" and low >= -MU_TOLERANCE and high <= MU_MAX:
        return (
            f"the {role} image runs from {low:g} to {high:g}: not a CT in HU; "
            f"if it is an attenuation map in 1/cm, give `--{role}-modality mu`"
        )
    return None
