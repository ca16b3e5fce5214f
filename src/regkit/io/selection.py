"""The choice of one image among the several that a folder or file holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TypeVar

from regkit.errors import SelectionError

Item = TypeVar("Item")

# Images that a message on one line lists; chosen by hand: the eight gates of a cardiac study.
_LISTED = 8


@dataclass(frozen=True)
class ImageSelection:
    """One image of a folder or file that holds several.

    Parameters
    ----------
    series
        Number of a DICOM series in the table that regkit prints, its SeriesInstanceUID, or words
        of its description; empty for the only series.
    frame
        Number of the volume among those of a series or file (gates, time points, echoes), from
        1; 0 for the only volume.
    window
        Number of the energy window of a nuclear-medicine image, from 1; 0 for the only one.
    """

    series: str = ""
    frame: int = 0
    window: int = 0

    def as_data(self) -> dict[str, str | int]:
        """Return what was chosen, by option, for a record."""
        return {option: value for option, value in asdict(self).items() if value}


ONLY_IMAGE = ImageSelection()


def numbered_item(items: Sequence[Item], names: Sequence[str], frame: int, options: str) -> Item:
    """Return the item of a number, from 1, or the only one if the number is 0.

    Parameters
    ----------
    items, names
        Volumes, and their descriptions for messages.
    frame
        Value of ``--frame``.
    options
        Options that choose, for messages.

    Raises
    ------
    SelectionError
        There are several and the number is 0, or there are fewer; the message lists them.
    """
    if not frame and len(items) == 1:
        return items[0]
    if 1 <= frame <= len(items):
        return items[frame - 1]
    listed = [f"{number}: {name}" for number, name in enumerate(names, 1)]
    more = [f"... {len(items)}"] if len(items) > _LISTED else []
    what = (
        f"holds {len(items)} volume{'s' * (len(items) > 1)} ({'; '.join(listed[:_LISTED] + more)})"
    )
    if frame:
        raise SelectionError(f"{what}; there is no --frame {frame}")
    raise SelectionError(f"{what}; choose one with {options}")
