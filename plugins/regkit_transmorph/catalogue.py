"""The published networks by their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from regkit.errors import UnknownNameError
from regkit.learning.layers import check_switches
from regkit_transmorph.networks.transmorph_affine import TransMorphAffine
from regkit_transmorph.networks.windows import Size

# ``cr``: Chen et al. 2024, arXiv 2409.13863, trained with correlation ratio or mutual information.
# ``original``: Chen et al. 2022, doi:10.1016/j.media.2022.102615.
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "cr": {"channels": 128, "depths": (4, 4, 5), "heads": (8, 8, 8)},
    "original": {"channels": 96, "depths": (2, 2, 4, 2), "heads": (4, 4, 8, 8)},
}


def variant_names() -> tuple[str, ...]:
    """Return the names that `build_transmorph` knows."""
    return tuple(VARIANTS)


def build_transmorph(variant: str, image_size: Size, **switches: Any) -> TransMorphAffine:
    """Build a TransMorph-affine network with random weights.

    Parameters
    ----------
    variant
        ``cr``, of three stages, as published for whole-body PET/CT, or ``original``, of four.
    image_size
        Voxels along the three axes of the tensors, which for regkit's arrays are z, y, x: 256,
        192, 192 for whole-body PET/CT.
    switches
        Parameters of `TransMorphAffine` that differ: ``width``, ``depths``, ``heads``, ``patch``,
        ``window``, ``mlp_hidden``, ``checkpointing``.

    Returns
    -------
    TransMorphAffine
        A module whose ``forward(moving, fixed)`` takes two tensors (batch, 1, *image_size) and
        returns the raw numbers (batch, 15).

    Raises
    ------
    UnknownNameError
        There is no such variant.
    ParameterError
        There is no such switch, or it cannot take its value.
    """
    if variant not in VARIANTS:
        raise UnknownNameError(
            f"TransMorph has no variant '{variant}'; available: {', '.join(VARIANTS)}"
        )
    check_switches(TransMorphAffine, "TransMorph", switches)
    return TransMorphAffine(image_size, **{**VARIANTS[variant], **switches})
