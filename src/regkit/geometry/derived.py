"""Results of computations on an image, kept while a registration runs."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from regkit.geometry.volume import Volume

Derived = TypeVar("Derived")

_KEPT: WeakKeyDictionary[Volume, dict[Hashable, Any]] = WeakKeyDictionary()


@contextmanager
def derivations_kept(*volumes: Volume) -> Iterator[None]:
    """Keep what `derived` computes from images until the block ends."""
    opened = [volume for volume in volumes if volume not in _KEPT]
    _KEPT.update((volume, {}) for volume in opened)
    try:
        yield
    finally:
        for volume in opened:
            _KEPT.pop(volume, None)


def derived(volume: Volume, key: Hashable, compute: Callable[[], Derived]) -> Derived:
    """Return what is computed from an image; nobody may change it.

    Parameters
    ----------
    volume
        The image.
    key
        Name of what is computed, with everything else that it depends on.
    compute
        Function that computes it; called anew each time outside of `derivations_kept`.
    """
    kept = _KEPT.get(volume)
    if kept is None:
        return compute()
    if key not in kept:
        kept[key] = compute()
    found: Derived = kept[key]
    return found
