"""Pairs whose fixed image is of the kind that a network knows as moving, and the other way round.

A network learned one order of the images, and users have another: a CT onto which the SPECT is
brought, say. Both are exchanged for the network, and the map that it finds is inverted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from regkit.learning.domain_guard import ImageDomain
from regkit.learning.pair_card import PairCard
from regkit.registrar import Estimate, Pair

OTHER_ROLE = {"fixed": "moving", "moving": "fixed"}
# Lists of sentences in the diagnostics that name the images by their roles.
SENTENCES = ("domain_warnings", "warnings", "remarks")


def register_in_learned_roles(
    pair: Pair, card: PairCard, register: Callable[[Pair], Estimate]
) -> Estimate:
    """Register a pair in the roles that a network has learned.

    Parameters
    ----------
    pair
        The images, in either order.
    card
        Card of the network.
    register
        Registration of a pair in the order of the card.

    Returns
    -------
    Estimate
        That of the pair as it was given, with ``swapped`` in its diagnostics where the images were
        exchanged for the network.

    Raises
    ------
    NotInvertibleError
        The images have to be exchanged, and the initial transform has no inverse.
    """
    if not are_exchanged(pair, card):
        return register(pair)
    found = register(pair.swapped())
    diagnostics = {**_in_given_roles(found.diagnostics), "swapped": True}
    return Estimate(found.transform.inverse(), found.fixed_labels, diagnostics, found.labels)


def are_exchanged(pair: Pair, card: PairCard) -> bool:
    """Return True if the images are those of a card with fixed and moving exchanged."""
    fixed, moving = pair.fixed.modality, pair.moving.modality
    as_learned = _knows(card.fixed, fixed) and _knows(card.moving, moving)
    return not as_learned and _knows(card.fixed, moving) and _knows(card.moving, fixed)


def _knows(domain: ImageDomain, modality: str) -> bool:
    return modality in domain.known_modalities


def _in_given_roles(diagnostics: Mapping[str, Any]) -> dict[str, Any]:
    """Return diagnostics that call each image by its role in the given pair."""
    renamed: dict[str, Any] = {}
    for name, value in diagnostics.items():
        if name in SENTENCES:
            renamed[name] = [_renamed(text) for text in value]
        elif isinstance(value, Mapping) and value.keys() == OTHER_ROLE.keys():
            renamed[name] = {role: value[other] for role, other in OTHER_ROLE.items()}
    return {**diagnostics, **renamed}


def _renamed(text: str) -> str:
    return re.sub(r"\b(fixed|moving)\b", lambda found: OTHER_ROLE[found[0]], text)
