"""A pair together with its known solution, which no method sees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from regkit.geometry.grid import FloatArray
from regkit.geometry.transform import Transform
from regkit.geometry.volume import LabelMap
from regkit.registrar import Pair, indented_parts


@dataclass(frozen=True, eq=False)
class Case:
    """One registration problem and what is known about its solution.

    Parameters
    ----------
    id
        Unique in its dataset.
    pair
        The input of the methods.
    truth
        The true map of fixed to moving points in LPS mm.
    group
        The patient; cases of one group are statistically dependent.
    fixed_labels, moving_labels
        Segmentations of the same structures in both images.
    fixed_landmarks, moving_landmarks
        Corresponding points, shape (N, 3), LPS mm.
    extra
        Further values of the dataset: plain data, images, and `Attachment` objects. From a
        dataset folder come its unknown keys, and the paths of the files it names.
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

    def __repr__(self) -> str:
        group = f", group {self.group}" if self.group else ""
        answers = ("truth", "fixed_labels", "moving_labels", "fixed_landmarks", "moving_landmarks")
        known = [name for name in answers if getattr(self, name) is not None]
        parts = {
            "fixed": self.pair.fixed,
            "moving": self.pair.moving,
            "known": ", ".join(known) or "nothing",
        }
        return f"<Case {self.id}{group}{indented_parts(parts)}>"


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


@runtime_checkable
class IndexedDataset(Dataset, Protocol):
    """A dataset whose cases can be made in any order, by several processes at once."""

    @property
    def ids(self) -> Sequence[str]:
        """The ids of all cases, in their order; known without making a case."""

    def case(self, index: int) -> Case:
        """Return one case by its position in that order, from 0."""


@runtime_checkable
class Attachment(Protocol):
    """Something in `Case.extra` that knows how to be kept as a file."""

    @property
    def suffix(self) -> str:
        """Suffix of the file's name, with its dot."""

    def write(self, path: Path) -> None:
        """Write the file."""
