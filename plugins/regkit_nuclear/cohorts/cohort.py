"""The base of all cohorts: patients, their seeds, and the order of the cases."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from string import ascii_lowercase
from typing import ClassVar, Literal, TypeAlias

import numpy as np

from regkit.datasets.case import Case
from regkit.errors import ParameterError
from regkit_nuclear.cohorts.patient_seeds import patient_seed
from regkit_nuclear.painting.random_streams import generator

Split: TypeAlias = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class Cohort(ABC):
    """Cases drawn from seeds; a `regkit.datasets.case.IndexedDataset`.

    Parameters
    ----------
    n
        Number of cases. Several cases may belong to one patient; they follow each other.
    seed
        Number of the cohort within the split.
    split
        ``train``, ``validation`` or ``test``; no patient is in two splits.
    """

    name: ClassVar[str]

    n: int = 20
    seed: int = 0
    split: Split = "train"

    def __post_init__(self) -> None:
        if self.n < 1:
            raise ParameterError(f"{self.name} needs at least one case, got n = {self.n}")
        patient_seed(self.split, self.seed, (self.n - 1) // self.per_patient)

    @property
    def per_patient(self) -> int:
        """Number of cases of each patient."""
        return 1

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the cases: number of the patient, and a letter if it has several cases."""
        return tuple(map(self.case_id, range(self.n)))

    def __len__(self) -> int:
        """Return the number of cases."""
        return self.n

    def __iter__(self) -> Iterator[Case]:
        """Yield the cases one after the other."""
        return map(self.case, range(self.n))

    @abstractmethod
    def case(self, index: int) -> Case:
        """Return a case.

        Raises
        ------
        IndexError
            The index is beyond the last case.
        """

    def patient_seed(self, index: int) -> int:
        """Return the seed of the patient of a case."""
        if not 0 <= index < self.n:
            raise IndexError(
                f"{self.name} has {self.n} cases, number 0 to {self.n - 1}; got {index}"
            )
        return patient_seed(self.split, self.seed, index // self.per_patient)

    def group(self, index: int) -> str:
        """Return the name of the patient of a case."""
        return self.case_id(index).partition("-")[0]

    def case_id(self, index: int) -> str:
        """Return the id of a case; it does not depend on the number of cases."""
        patient, number = divmod(index, self.per_patient)
        letter = f"-{ascii_lowercase[number]}" if self.per_patient > 1 else ""
        return f"p{patient:04d}{letter}"


class CohortStream(IntEnum):
    """The streams of random numbers that cohorts draw for a patient, beside the phantom's own."""

    COUNTS = 1
    MOTION = 2
    COVERAGE = 3
    UPTAKE = 4
    SCAN = 5
    CT_POSE = 6
    PET_POSE = 7
    ULTRASOUND_POSE = 8
    EXTRACARDIAC = 9
    FIELD_OF_VIEW = 10


def cohort_generator(seed: int, stream: CohortStream, *number: int) -> np.random.Generator:
    """Return the random generator of one stream of a patient; `number` tells repetitions apart."""
    # A phantom's streams are [seed, small number]: the 1000 keeps cohorts apart from them.
    return generator(seed, 1_000, stream, *number)
