"""The modalities of a pair: which image is the CT, which the PET; HU and SUV are checked."""

from __future__ import annotations

from dataclasses import replace

from regkit.geometry.volume import Volume
from regkit.registrar import Pair
from regkit_transmorph.preparation.prepared import UNITS, check_unit

# Of images that do not say; as the papers have them.
USUAL = {"fixed": "ct", "moving": "pet"}


def infer_modalities(pair: Pair) -> tuple[Pair, list[str]]:
    """Return a pair whose images say what they are, and what was assumed.

    Parameters
    ----------
    pair
        Images that do not say are taken for a fixed CT and a moving PET.

    Raises
    ------
    RegistrationError
        A CT is not in HU, or a PET not in SUV.
    """
    images: dict[str, Volume] = {"fixed": pair.fixed, "moving": pair.moving}
    assumed = [role for role, image in images.items() if not image.modality]
    for role in assumed:
        images[role] = replace(images[role], modality=USUAL[role])
    for role, image in images.items():
        if image.modality in UNITS:
            check_unit(image, image.modality, role if role in assumed else "")
    words = [
        f"the {role} image does not say what it is and was taken for a {USUAL[role].upper()}; "
        f"see --{role}-modality"
        for role in assumed
    ]
    return replace(pair, fixed=images["fixed"], moving=images["moving"]), words
