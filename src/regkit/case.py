"""A pair together with the answers that no method sees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from regkit.grid import FloatArray
from regkit.registrar import Pair
from regkit.transform import Transform
from regkit.volume import LabelMap


@dataclass(frozen=True, eq=False)
class Case:
    """One registration problem and what is known about its solution.

    Parameters
    ----------
    id
        Unique in its dataset.
    pair
        What a method sees.
    truth
        The true map of fixed to moving points in LPS mm.
    group
        The patient; cases of one group are statistically dependent.
    fixed_labels, moving_labels
        Segmentations of the same structures in both images.
    fixed_landmarks, moving_landmarks
        Corresponding points, shape (N, 3), LPS mm.
    extra
        Whatever else the dataset knows (unknown keys of a dataset folder).
    """

    id: str
    pair: Pair
    truth: Transform | None = None
    group: str = ""
    fixed_labels: LabelMap | None = None
    moving_labels: LabelMap | None = None
    fixed_landmarks: FloatArray | None = None
    moving_landmarks: FloatArray | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class Dataset(Protocol):
    """A named sequence of cases; iterating holds one case in memory at a time."""

    @property
    def name(self) -> str:
        """Name under which results are recorded."""

    def __len__(self) -> int:
        """Return the number of cases."""

    def __iter__(self) -> Iterator[Case]:
        """Yield the cases in a fixed order."""
