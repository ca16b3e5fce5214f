"""The 17 segments of the left ventricle.

Cerqueira et al. 2002, the American Heart Association's statement on standardized myocardial
segmentation, doi:10.1161/hc0402.102975. The ventricle is divided perpendicular to its long axis
into equal thirds, basal, mid-cavity and apical, and the apex beyond the end of the cavity. Basal
and mid-cavity thirds have six segments of 60 degrees, the apical third four of 90. Seen from the
apex, anterior wall at the top and septum on the left, they are counted counter-clockwise,
beginning with the anterior wall: basal 1 to 6, mid-cavity 7 to 12, apical 13 to 16; 17 is the
apex. The statement also assigns every segment to the coronary artery that usually supplies it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Segment:
    """One of the 17 segments.

    Parameters
    ----------
    number
        1 to 17.
    name
        Name in the statement.
    territory
        ``LAD``, ``LCX`` or ``RCA``: assigned coronary artery.
    """

    number: int
    name: str
    territory: str


APEX, APICAL, MID, BASAL = range(4)
LEVELS: Final = ("apex", "apical", "mid", "basal")
# Number of segments of every level, and the number of its first segment.
AROUND: Final = (1, 4, 6, 6)
FIRST: Final = (17, 13, 7, 1)
_SIX = ("anterior", "anteroseptal", "inferoseptal", "inferior", "inferolateral", "anterolateral")
_FOUR = ("anterior", "septal", "inferior", "lateral")
_TERRITORIES = dict.fromkeys(range(1, 18), "LAD")
_TERRITORIES |= dict.fromkeys((3, 4, 9, 10, 15), "RCA")
_TERRITORIES |= dict.fromkeys((5, 6, 11, 12, 16), "LCX")
_NAMES = (
    *(f"{level} {wall}" for level in ("basal", "mid") for wall in _SIX),
    *(f"apical {wall}" for wall in _FOUR),
    "apex",
)
SEGMENTS: Final = tuple(
    Segment(number, name, _TERRITORIES[number]) for number, name in enumerate(_NAMES, start=1)
)


def segment_at(level: int, angle_deg: ArrayLike) -> NDArray[np.int64]:
    """Return the numbers of the segments at angles of a level.

    Parameters
    ----------
    level
        Level: `APEX`, `APICAL`, `MID` or `BASAL`.
    angle_deg
        Angles seen from the apex with the anterior wall at the top: 0 lateral, 90 anterior, 180
        septal, 270 inferior. A border belongs to the next segment.
    """
    count = AROUND[level]
    width = 360 / count
    # The first segment is centred at the anterior wall.
    index = np.floor(((np.asarray(angle_deg, np.float64) - 90 + width / 2) % 360) / width)
    return FIRST[level] + index.astype(np.int64)
