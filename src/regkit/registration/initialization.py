"""Where a registration starts: from the headers, the centres, the content, or a file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from regkit.geometry.transform import IDENTITY, AffineTransform, Transform
from regkit.registrar import Pair
from regkit.registration.pipeline import build_method
from regkit.registration.run import check_pair
from regkit.registry import Registry, default_registry
from regkit.similarity.point_sample import overlap_weighted_nmi, sample_points_in_mask

INITIALIZERS = ("auto", "identity", "centre")


def is_initializer(word: str, registry: Registry | None = None) -> bool:
    """Tell whether a word is one that `initial_transform` knows, and not a file."""
    methods = (registry or default_registry()).methods
    return word in INITIALIZERS or word in {offer.spec.name for offer in methods}


def align_centers(pair: Pair) -> AffineTransform:
    """Map the centre of the fixed field of view to that of the moving one."""
    return AffineTransform.shift(np.subtract(pair.moving.grid.centre, pair.fixed.grid.centre))


def initial_transform(word: str, pair: Pair, registry: Registry | None = None) -> Transform:
    """Return the initial map that a word names.

    Parameters
    ----------
    word
        ``identity`` trusts the headers; ``centre`` brings the centres of the fields of view
        together; ``moments`` (or any other method) starts from that method's result; ``auto``
        takes the one of identity, centre and moments (where there is such a method) under which
        the moving image tells most about the whole of the fixed one, and needs fields of view
        that meet.
    pair
        The images; its own `initial` is ignored.
    registry
        Where to look methods up.
    """
    pair = replace(pair, initial=None)
    if word == "identity":
        return IDENTITY
    if word == "centre":
        return align_centers(pair)
    if word != "auto":
        return _by_method(word, replace(pair, initial=align_centers(pair)), registry)
    check_pair(pair)
    sample = sample_points_in_mask(pair.fixed, pair.fixed_mask, count=10_000)
    candidates: list[Transform] = [IDENTITY, align_centers(pair)]
    if is_initializer("moments", registry):  # its plugin may be disabled
        candidates.append(_by_method("moments", pair, registry))
    return max(
        candidates, key=lambda t: overlap_weighted_nmi(sample, pair.moving, t, pair.moving_mask)
    )


def _by_method(name: str, pair: Pair, registry: Registry | None) -> Transform:
    return build_method(name, registry=registry).register(pair).transform
