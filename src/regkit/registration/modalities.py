"""Modalities of a pair: an image that does not state its own gets a guess, which is told."""

from __future__ import annotations

import logging
from dataclasses import replace

from regkit.geometry.volume import Volume
from regkit.registrar import Pair
from regkit.similarity.modality_guess import guess_modality

logger = logging.getLogger(__name__)

UNKNOWN = "unknown: "


def with_modalities(pair: Pair) -> Pair:
    """Return a pair whose images have their modality, guessed if nobody told it.

    A guess is logged with its reason, and kept in `Volume.modality_source`; an image that was
    looked at before stays as it is. See `unknown_modality_reasons` for one that stays unknown.

    Parameters
    ----------
    pair
        The images; those with a modality stay as they are.
    """
    fixed, moving = (
        with_modality(volume, role)
        for role, volume in (("fixed", pair.fixed), ("moving", pair.moving))
    )
    return replace(pair, fixed=fixed, moving=moving)


def with_modality(volume: Volume, role: str) -> Volume:
    """Return a volume with its modality, guessed if nobody told it; see `with_modalities`.

    Parameters
    ----------
    volume
        Image, with or without a modality.
    role
        ``fixed`` or ``moving``, for the sentences.
    """
    if volume.modality or volume.modality_source:
        return volume
    guess = guess_modality(volume)
    if not guess.modality:  # a reason of the verdict tells it
        return replace(volume, modality_source=UNKNOWN + guess.reason)
    logger.warning(
        "the %s image does not state its modality and is taken for %s: %s; if that is wrong, give "
        "its modality",
        role,
        guess.modality.upper() if guess.modality != "mu" else "an attenuation map",
        guess.reason,
    )
    return replace(volume, modality=guess.modality, modality_source=f"guess: {guess.reason}")


def unknown_modality_reasons(pair: Pair) -> list[str]:
    """Return a sentence for each image whose modality could not be guessed."""
    sources = {"fixed": pair.fixed.modality_source, "moving": pair.moving.modality_source}
    return [
        f"modality unknown of the {role} image: {source.removeprefix(UNKNOWN)}; its intensities "
        "are prepared without it, so give it if you know it"
        for role, source in sources.items()
        if source.startswith(UNKNOWN)
    ]
