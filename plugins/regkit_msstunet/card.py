"""The card of a reorienter's weights: everything that using them takes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from regkit.errors import FileFormatError
from regkit.geometry.grid import Grid, Vector3
from regkit_msstunet.geometry import cube

Range = tuple[float, float]
Six = tuple[float, float, float, float, float, float]


@dataclass(frozen=True)
class Card:
    """What weights are, and how to use them.

    Parameters
    ----------
    method
        Name of the method they are for.
    network, switches
        As `regkit_msstunet.build_network` takes them.
    size, spacing_mm
        Of the cube that the network sees: voxels a side, and how large they are.
    exponent
        Of the intensities, after they were scaled to 0 to 1.
    mean
        Mean numbers of the poses it has learnt; see `regkit_msstunet.geometry`.
    modalities
        Of the images it has learnt from.
    extent_mm
        Mean size of their fields of view along x, y, z.
    mass_mm
        Mean way from the centre of the field of view to the centre of mass, LPS.
    ranges
        Least and greatest of what the domain guard measures: name -> (low, high).
    passes
        How often to look.
    label_zoom
        Share of the field of view within which labels are wanted; see
        `regkit_msstunet.networks.reorienter.Reorienter.output_within`.
    sha256
        Of the file of weights.
    about
        Further facts for people: data, command, scores, licence.
    """

    method: str
    network: str
    switches: Mapping[str, Any]
    size: int
    spacing_mm: float
    exponent: float
    mean: Six
    modalities: tuple[str, ...]
    extent_mm: Vector3
    mass_mm: Vector3 = (0.0, 0.0, 0.0)
    ranges: Mapping[str, Range] = field(default_factory=dict)
    passes: int = 1
    label_zoom: float = 1.0
    sha256: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)

    def grid(self, centre: Vector3 = (0.0, 0.0, 0.0)) -> Grid:
        """Return the network's cube around a point, LPS mm."""
        return cube(self.size, self.spacing_mm, centre)

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
            wanted = {f.name: f.default is dataclasses.MISSING for f in dataclasses.fields(cls)}
            known = {k: content[k] for k, needed in wanted.items() if needed or k in content}
            for name, count in (("mean", 6), ("extent_mm", 3), ("mass_mm", 3)):
                known[name] = _numbers(known[name], count, name)
            known["modalities"] = tuple(map(str, known["modalities"]))
            known["ranges"] = {k: _numbers(v, 2, k) for k, v in known["ranges"].items()}
            known["label_zoom"] = float(known.get("label_zoom", 1.0))
            card = cls(**known)
            card.grid()
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FileFormatError(
                f"the card of {source} cannot be used: {type(error).__name__} {error}; "
                "was it written by another version?"
            ) from error
        return card


def _numbers(values: Any, count: int, name: str) -> tuple[float, ...]:
    numbers = tuple(float(value) for value in values)
    if len(numbers) != count:
        raise ValueError(f"{name} must be {count} numbers, got {len(numbers)}")
    return numbers
