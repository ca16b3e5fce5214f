"""Initial transforms: from the headers, the image centres, or the result of a method."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from regkit.geometry.transform import IDENTITY, AffineTransform, Transform
from regkit.registrar import Pair
from regkit.registration.input_checks import check_pair
from regkit.registration.pipeline import build_method
from regkit.registry import Registry, default_registry
from regkit.similarity.mutual_information import overlap_weighted_nmi
from regkit.similarity.point_sample import sample_points_in_mask

# The initializers that need no method.
INITIALIZERS = ("auto", "identity", "centre")
# Points at which `auto` compares its candidates; chosen by hand, a quarter of the default sample.
SAMPLES = 10_000


def initializer_names(registry: Registry | None = None) -> tuple[str, ...]:
    """Return the names to suggest for an initial transform: built in, then declared by plugins.

    `initial_transform` accepts every other method's name as well.
    """
    return (*INITIALIZERS, *_declared(registry))


def is_initializer(word: str, registry: Registry | None = None) -> bool:
    """Return whether `initial_transform` knows a word; what it does not know may be a file."""
    methods = (registry or default_registry()).methods
    return word in INITIALIZERS or word in {method.spec.name for method in methods}


def align_centers(pair: Pair) -> AffineTransform:
    """Map the centre of the fixed field of view to that of the moving one."""
    return AffineTransform.shift(np.subtract(pair.moving.grid.centre, pair.fixed.grid.centre))


def initial_transform(word: str, pair: Pair, registry: Registry | None = None) -> Transform:
    """Compute the initial transform that a word names.

    Parameters
    ----------
    word
        ``identity`` trusts the headers; ``centre`` aligns the centres of the fields of view; the
        name of a method runs that method from the aligned centres; ``auto`` compares identity,
        centre and every method declared as an initializer, and takes the transform of highest
        overlap-weighted mutual information. ``auto`` needs fields of view that overlap.
    pair
        The images; its own `initial` is ignored.
    registry
        Source of the methods; the environment's own by default.
    """
    pair = replace(pair, initial=None)
    if word == "identity":
        return IDENTITY
    if word == "centre":
        return align_centers(pair)
    if word != "auto":
        return _by_method(word, replace(pair, initial=align_centers(pair)), registry)
    check_pair(pair)
    sample = sample_points_in_mask(pair.fixed, pair.fixed_mask, SAMPLES)
    candidates: list[Transform] = [IDENTITY, align_centers(pair)]
    candidates += [_by_method(name, pair, registry) for name in _declared(registry)]
    return max(
        candidates, key=lambda t: overlap_weighted_nmi(sample, pair.moving, t, pair.moving_mask)
    )


def _declared(registry: Registry | None) -> list[str]:
    """Return the usable methods that plugins declare as initializers, in alphabetical order."""
    methods = (registry or default_registry()).methods
    names = (m.spec.name for m in methods if m.spec.initializer and not m.problem)
    return sorted(set(names) - {*INITIALIZERS})


def _by_method(name: str, pair: Pair, registry: Registry | None) -> Transform:
    return build_method(name, registry=registry).register(pair).transform
