"""The contract between regkit and a registration method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from regkit.geometry.transform import IDENTITY, Transform
from regkit.geometry.volume import LabelMap, Volume


@dataclass(frozen=True, eq=False)
class Pair:
    """What a method sees.

    Parameters
    ----------
    fixed, moving
        The images; any grids, sizes and orientations.
    fixed_mask, moving_mask
        Where to look (non-zero), each on any grid; None means everywhere.
    initial
        A first guess of the fixed-to-moving map in LPS mm; None means identity.
    """

    fixed: Volume
    moving: Volume
    fixed_mask: LabelMap | None = None
    moving_mask: LabelMap | None = None
    initial: Transform | None = None

    @property
    def start(self) -> Transform:
        """The initial map, identity when none was given."""
        return IDENTITY if self.initial is None else self.initial


@dataclass(frozen=True, eq=False)
class Estimate:
    """What a method found.

    Parameters
    ----------
    transform
        The total map of fixed points to moving points in LPS mm, `Pair.initial` included.
    labels
        Labels the method found, if any: where they are in the moving image, on any grid.
    diagnostics
        Anything else worth knowing, as plain data that JSON can hold.
    """

    transform: Transform
    labels: LabelMap | None = None
    diagnostics: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class Registrar(Protocol):
    """A registration method: a frozen dataclass whose fields are its parameters."""

    def register(self, pair: Pair) -> Estimate:
        """Find the map from fixed to moving points."""


@runtime_checkable
class Refiner(Registrar, Protocol):
    """A registrar that makes use of all that one before it found, labels included."""

    def refine(self, pair: Pair, found: Estimate) -> Estimate:
        """Return a better estimate; `pair.initial` is the map found."""
