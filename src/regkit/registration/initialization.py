"""Initial transforms: from the headers, the image centres, or the result of a method."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np

from regkit.geometry.transform import IDENTITY, AffineTransform, Transform
from regkit.registrar import Pair
from regkit.registration.automatic_start import AutomaticStart, automatic_start, sensible_headers
from regkit.registration.expression import method_names, parse_expression
from regkit.registration.input_checks import check_images
from regkit.registration.known_regions import known_pair
from regkit.registration.pipeline import build_method
from regkit.registry import Registry, default_registry

logger = logging.getLogger(__name__)

# The initializers that need no method.
INITIALIZERS = ("auto", "identity", "centre")


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


def initial_transform(
    word: str, pair: Pair, registry: Registry | None = None, expression: str = ""
) -> Transform:
    """Compute the initial transform that a word names.

    Parameters
    ----------
    word
        ``identity`` trusts the headers; ``centre`` aligns the centres of the fields of view; the
        name of a method runs that method from the aligned centres; ``auto`` keeps the headers
        unless ``centre`` or a method declared as an initializer is clearly better; see
        `automatic_start`.
    pair
        The images; its own `initial` is ignored.
    registry
        Source of the methods; the environment's own by default.
    expression
        Expression of the methods that will start there; see `choose_start`.
    """
    pair = replace(pair, initial=None)
    if word == "identity":
        return IDENTITY
    if word == "centre":
        return align_centers(pair)
    if word != "auto":
        return _by_method(word, replace(pair, initial=align_centers(pair)), registry)
    return choose_start(pair, registry, expression).transform


def with_initial_transform(word: str, pair: Pair, expression: str = "") -> Pair:
    """Return a pair with the initial transform that a word names; see `initial_transform`.

    Parameters
    ----------
    word
        Initializer, as on the command line.
    pair
        The images; its own `initial` is ignored.
    expression
        Expression of the methods that will start there.
    """
    if word == "auto":
        return choose_start(pair, expression=expression).of(pair)
    return replace(pair, initial=initial_transform(word, pair), initial_is_guess=False)


def choose_start(
    pair: Pair, registry: Registry | None = None, expression: str = ""
) -> AutomaticStart:
    """Choose the initial transform ``auto``, and log the choice.

    Parameters
    ----------
    pair
        The images; its own `initial` is ignored, and the fields of view need not overlap.
    registry
        Source of the methods; the environment's own by default.
    expression
        Expression of the methods that start there; one that searches everywhere starts from the
        headers where these make sense. Empty if it is not known.
    """
    check_images(pair)
    pair = replace(pair, initial=None)
    headers = sensible_headers(known_pair(pair).pair) if _searches(expression, registry) else None
    chosen = headers or _compared_starts(pair, registry)
    logger.info("start: %s", chosen.reason)
    return chosen


def _searches(expression: str, registry: Registry | None) -> bool:
    """Return whether every chain begins with a method that searches everywhere."""
    found = registry or default_registry()
    first = [names[0] for names in parse_expression(expression)] if expression else []
    return bool(first) and all(found.method(name).spec.searches_everywhere for name in first)


def _compared_starts(pair: Pair, registry: Registry | None) -> AutomaticStart:
    """Compare the headers with the centers and with every declared initializer."""
    # A part that one mask marks must not be laid on all that the other image shows.
    both = pair.fixed_mask is not None and pair.moving_mask is not None
    whole = pair if both else replace(pair, fixed_mask=None, moving_mask=None)
    pair, whole = known_pair(pair).pair, known_pair(whole).pair
    candidates: dict[str, Transform] = {"centre": align_centers(pair)}
    candidates |= {name: _by_method(name, whole, registry) for name in _declared(registry)}
    return automatic_start(pair, candidates)


def default_initializer(expression: str, registry: Registry | None = None) -> str:
    """Return the initializer of a method expression: ``auto`` for methods that register.

    Parameters
    ----------
    expression
        Method expression, as for `build_method`.
    registry
        Source of the methods; the environment's own by default.
    """
    found = registry or default_registry()
    specs = [found.method(name).spec for name in method_names(expression)]
    return "auto" if any(spec.is_registration for spec in specs) else "identity"


def _declared(registry: Registry | None) -> list[str]:
    """Return the usable methods that plugins declare as initializers, in alphabetical order."""
    methods = (registry or default_registry()).methods
    names = (m.spec.name for m in methods if m.spec.initializer and not m.problem)
    return sorted(set(names) - {*INITIALIZERS})


def _by_method(name: str, pair: Pair, registry: Registry | None) -> Transform:
    return build_method(name, registry=registry).register(pair).transform
