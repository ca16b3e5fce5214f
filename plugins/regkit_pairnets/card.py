"""The card of a learned method's weights: everything that using them takes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from regkit.errors import FileFormatError
from regkit.grid import Grid, Vector3
from regkit_pairnets.physical import Convention

Six = tuple[float, float, float, float, float, float]
Range = tuple[float, float]


@dataclass(frozen=True)
class Appearance:
    """How the images of one role looked in training.

    Parameters
    ----------
    modality
        As of `regkit.volume.Volume`; decides how intensities are prepared.
    extent_mm
        Mean size of the field of view along x, y, z.
    mass_mm
        Mean way from the centre of the field of view to the centre of mass, LPS.
    ranges
        Least and greatest of what the domain guard measures: name -> (low, high).
    """

    modality: str
    extent_mm: Vector3
    mass_mm: Vector3 = (0.0, 0.0, 0.0)
    ranges: Mapping[str, Range] = field(default_factory=dict)


@dataclass(frozen=True)
class Card:
    """What weights are, and how to use them.

    Parameters
    ----------
    method
        Name of the method they are for.
    network, switches
        As `build_network` takes them.
    shape_zyx, spacing
        Of the grid that the network sees, voxels and mm.
    convention
        What its numbers mean.
    first
        Role of the image that comes first.
    units
        What its six outputs are multiplied by.
    fixed, moving
        How the images looked in training.
    passes
        How often to look.
    unknown
        What stands where an image shows nothing; shown intensities lie within 0 and 1.
    sha256
        Of the file of weights.
    about
        Further facts for people: data, command, scores, licence.
    """

    method: str
    network: str
    switches: Mapping[str, Any]
    shape_zyx: tuple[int, int, int]
    spacing: Vector3
    convention: Convention
    first: Literal["fixed", "moving"]
    units: Six
    fixed: Appearance
    moving: Appearance
    passes: int = 1
    unknown: float = -0.5
    sha256: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)

    def grid(self, centre: Vector3) -> Grid:
        """Return the network's grid around a point: upright in LPS, as the anatomy was learnt."""
        first = [
            c - (n - 1) / 2 * s
            for c, n, s in zip(centre, self.shape_zyx[::-1], self.spacing, strict=True)
        ]
        return Grid(self.shape_zyx, self.spacing, (first[0], first[1], first[2]))

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
                known[role] = _appearance(known[role])
            for name in ("shape_zyx", "spacing", "units"):
                known[name] = tuple(known[name])
            known["convention"] = Convention(**known["convention"])
            card = cls(**known)
            card.grid((0.0, 0.0, 0.0))
            _check(card)
        except (KeyError, TypeError, ValueError) as error:
            raise FileFormatError(
                f"the card of {source} cannot be used: {type(error).__name__} {error}; "
                "was it written by another version?"
            ) from error
        return card


def _check(card: Card) -> None:
    if len(card.units) != 6:
        raise ValueError(f"units must be six numbers, got {len(card.units)}")
    if card.first not in {"fixed", "moving"}:
        raise ValueError(f"first must be fixed or moving, got {card.first!r}")


def _appearance(content: Mapping[str, Any]) -> Appearance:
    ranges = {name: (float(low), float(high)) for name, (low, high) in content["ranges"].items()}
    return Appearance(
        content["modality"], tuple(content["extent_mm"]), tuple(content["mass_mm"]), ranges
    )
