"""Read points with names, from a file of landmarks or from a label map."""

from __future__ import annotations

import os
from pathlib import Path

from regkit.geometry.volume import LabelMap
from regkit.io.labeled_image import LabeledImage
from regkit.io.labels import read_labels
from regkit.io.landmarks import Landmarks, read_labeled_landmarks

# Endings of the files that hold landmarks; all others are label maps.
LANDMARK_SUFFIXES = (".csv", ".tsv", ".txt", ".fcsv", ".json")


def read_named_points(
    path: str | os.PathLike[str], image: LabeledImage | None = None
) -> Landmarks | LabelMap:
    """Read landmarks, by the ending of the file, or else a label map.

    Parameters
    ----------
    path
        File of landmarks as `read_landmarks` reads it, or file or folder of labels as
        `read_labels` does.
    image
        Image that the labels belong to.
    """
    if Path(path).suffix.lower() in LANDMARK_SUFFIXES:
        return read_labeled_landmarks(path)
    return read_labels(path, image=image)
