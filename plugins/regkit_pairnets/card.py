"""The card of a learned method's weights: everything that using them takes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from regkit.errors import FileFormatError
from regkit.geometry.grid import Grid, Vector3
from regkit.learning.domain_guard import WORDS
from regkit_pairnets.physical import Axes, Centre, Convention, Unit

Six = tuple[float, float, float, float, float, float]
Range = tuple[float, float]
UNITS, PLACES, ORDERS = (get_args(kind) for kind in (Unit, Centre, Axes))


@dataclass(frozen=True)
class Appearance:
    """How the images of one role looked in training.

    Parameters
    ----------
    modality
        As of `regkit.geometry.volume.Volume`; decides how intensities are prepared.
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
            _check(card)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise FileFormatError(
                f"the card of {source} cannot be used: {type(error).__name__} {error}; "
                "was it written by another version?"
            ) from error
        return card


def _check(card: Card) -> None:
    """Refuse what no training writes."""
    if card.network != card.method:
        raise ValueError(f"weights of {card.network} cannot be those of {card.method}")
    for name, allowed in {"translation": UNITS, "about": PLACES, "axes": ORDERS}.items():
        if getattr(card.convention, name) not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(allowed)}")
    if card.first not in {"fixed", "moving"}:
        raise ValueError(f"first must be fixed or moving, got {card.first!r}")
    if not isinstance(card.switches, dict):
        raise TypeError(f"switches must be names and values, got {card.switches!r}")
    _check_numbers("units", card.units, 6)
    _check_numbers("shape_zyx", card.shape_zyx, 3, 1, 4096)
    _check_numbers("spacing", card.spacing, 3, 1e-3, 1e3)
    _check_numbers("unknown", [card.unknown], 1)
    _check_numbers("passes", [card.passes], 1, 1, 100)
    if not all(isinstance(n, int) for n in (*card.shape_zyx, card.passes)):
        raise ValueError("shape_zyx and passes must be whole numbers")
    for seen in (card.fixed, card.moving):
        _check_numbers("extent_mm", seen.extent_mm, 3, 1e-3, 1e5)
        _check_numbers("mass_mm", seen.mass_mm, 3)
        if not seen.ranges.keys() <= WORDS.keys():
            raise ValueError(f"ranges may be of {', '.join(WORDS)}, got {', '.join(seen.ranges)}")


def _check_numbers(
    name: str, values: Sequence[float], count: int, least: float = -1e9, greatest: float = 1e9
) -> None:
    if len(values) != count or not all(least <= value <= greatest for value in values):
        raise ValueError(f"{name} must be {count} from {least:g} to {greatest:g}, got {values}")


def _appearance(content: Mapping[str, Any]) -> Appearance:
    ranges = {name: (float(low), float(high)) for name, (low, high) in content["ranges"].items()}
    return Appearance(
        content["modality"], tuple(content["extent_mm"]), tuple(content["mass_mm"]), ranges
    )
