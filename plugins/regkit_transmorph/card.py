"""The card of a TransMorph's weights: everything that using them takes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from regkit.errors import FileFormatError, RegkitError
from regkit.geometry.grid import Grid, Vector3

Range = tuple[float, float]


@dataclass(frozen=True)
class Look:
    """How the images of one role looked in training.

    Parameters
    ----------
    modality
        ``ct`` or ``pet``.
    window
        Intensities, HU or SUV, that became 0 and 1.
    ranges
        Least and greatest of what the domain guard measures: name -> (low, high).
    """

    modality: str
    window: Range
    ranges: Mapping[str, Range] = field(default_factory=dict)


@dataclass(frozen=True)
class Card:
    """What weights are, and how to use them.

    Parameters
    ----------
    method
        Name of the method they are for.
    variant, switches
        As `build_network` takes them.
    shape_zyx, spacing
        Of the grid that the network sees, voxels and mm.
    fixed, moving
        How the images looked in training.
    passes
        How often to look.
    sha256
        Of the file of weights.
    about
        Further facts for people: data, command, scores, licence.
    """

    method: str
    variant: str
    switches: Mapping[str, Any]
    shape_zyx: tuple[int, int, int]
    spacing: Vector3
    fixed: Look
    moving: Look
    passes: int = 1
    sha256: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)

    def grid(self, centre: Vector3) -> Grid:
        """Return the network's grid around a point, upright in LPS as the anatomy was learnt."""
        return grid_around(centre, self.shape_zyx, self.spacing)

    def as_json(self) -> dict[str, Any]:
        """Return the card as plain data."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any], source: object) -> Card:
        """Read a card from plain data.

        Parameters
        ----------
        content
            What `as_json` made; unknown keys are left out.
        source
            Where it comes from, for the words of an error.

        Raises
        ------
        FileFormatError
            Something is missing or of the wrong kind.
        """
        try:
            known = {f.name: content[f.name] for f in dataclasses.fields(cls)}
            for role in ("fixed", "moving"):
                known[role] = _look(known[role])
            for name in ("shape_zyx", "spacing"):
                known[name] = tuple(known[name])
            card = cls(**known)
            card.grid((0.0, 0.0, 0.0))
            _check(card)
        except (KeyError, TypeError, ValueError, RegkitError) as error:
            raise FileFormatError(
                f"the card of {source} cannot be used: {type(error).__name__} {error}; "
                "was it written by another version?"
            ) from error
        return card


def grid_around(centre: Vector3, shape_zyx: tuple[int, int, int], spacing: Vector3) -> Grid:
    """Return an upright grid around a point."""
    x, y, z = (
        c - (n - 1) / 2 * s for c, n, s in zip(centre, shape_zyx[::-1], spacing, strict=True)
    )
    return Grid(shape_zyx, spacing, (x, y, z))


def _check(card: Card) -> None:
    """Refuse what cannot be used with a `ValueError` or a `TypeError`."""
    if not isinstance(card.switches, Mapping):
        raise TypeError(f"switches must be an object, got {card.switches}")
    if not isinstance(card.passes, int) or card.passes < 1:
        raise ValueError(f"passes must be a whole number from 1, got {card.passes}")
    for look in (card.fixed, card.moving):
        if not look.window[0] < look.window[1]:
            raise ValueError(f"a window must go from low to high, got {list(look.window)}")


def _look(content: Mapping[str, Any]) -> Look:
    low, high = content["window"]
    ranges = {name: (float(a), float(b)) for name, (a, b) in content["ranges"].items()}
    return Look(content["modality"], (float(low), float(high)), ranges)
