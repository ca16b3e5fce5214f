"""Kinds of batches: pairs to register, or single images to reorient to a standard frame."""

from __future__ import annotations

from dataclasses import dataclass

from regkit.datasets.pair_rows import IMAGES, PAIRS, TableLayout
from regkit.errors import ParameterError


@dataclass(frozen=True)
class BatchKind:
    """Kind of a batch: its columns, its work on each row, and the words for them.

    Parameters
    ----------
    layout
        Columns of its tables.
    runner
        Import target of the class that runs it in worker processes.
    prefix
        Beginning of the names of the files of a row, in its folder.
    item, noun, done, doing
        Words for a row, for what is done with it, for it once that is done, and while it is.
    option, example
        Option that names the images in folders of patients, and a value of it.
    has_before
        Whether pages compare with the images before.
    """

    layout: TableLayout
    runner: str
    prefix: str
    item: str
    noun: str
    done: str
    doing: str
    option: str
    example: str
    has_before: bool

    def image_names(self, text: str | None) -> dict[str, str]:
        """Return what the images of a patient are called, by role; empty if that is not told.

        Raises
        ------
        ParameterError
            Another number of names, or the same one twice.
        """
        if text is None:
            return {}
        roles = [role for role in ("fixed", "moving") if role in self.layout.required]
        names = [name.strip() for name in text.split(",")]
        if len({*names} - {""}) != len(roles) or len(names) != len(roles):
            raise ParameterError(
                f"{self.option} names the {' and the '.join(roles)} image, as in {self.example}; "
                f"got '{text}'"
            )
        return dict(zip(roles, names, strict=True))


REGISTRATION = BatchKind(
    layout=PAIRS,
    runner="regkit.batches.pair_runner:PairRunner",
    prefix="registration",
    item="pair",
    noun="registration",
    done="registered",
    doing="registering",
    option="--pair",
    example="pet,ct",
    has_before=True,
)
REORIENTATION = BatchKind(
    layout=IMAGES,
    runner="regkit.batches.image_runner:ImageRunner",
    prefix="reorientation",
    item="image",
    noun="reorientation",
    done="reoriented",
    doing="reorienting",
    option="--image",
    example="spect",
    has_before=False,
)


def kind_of(frame: str) -> BatchKind:
    """Return the kind of a batch by the name of its standard frame, empty for none."""
    return REORIENTATION if frame else REGISTRATION


def names_of_images(kind: BatchKind, pair: str | None, image: str | None) -> str | None:
    """Return the names of the images of patients that a batch of a kind was given.

    Parameters
    ----------
    kind
        Kind of the batch.
    pair, image
        Values of ``--pair`` and of ``--image``; None where they are not given.

    Raises
    ------
    ParameterError
        Names of the other kind.
    """
    own, other = (pair, image) if kind is REGISTRATION else (image, pair)
    if other is not None:
        needed = "needs --to FRAME" if kind is REGISTRATION else "is for pairs, without --to"
        option = (REORIENTATION if kind is REGISTRATION else REGISTRATION).option
        raise ParameterError(f"{option} {needed}; give {kind.option}, as in {kind.example}")
    return own
