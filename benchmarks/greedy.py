"""greedy (Yushkevich, GPL-3) as a peer of benchmarks, when `picsl_greedy` is installed.

It is no method of regkit: its licence would spread.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import numpy as np

from pairs import moved
from regkit import Estimate, Pair
from regkit.geometry.sitk_bridge import volume_to_sitk
from regkit.geometry.transform import AffineTransform
from regkit.similarity.intensity import normalize_for_similarity

RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
COMMAND = "-i fixed moving -a -dof 6 -m NMI -o found -V 0"
# From the headers, or from the image centers laid on each other and random starts around them:
# their number, any rotation, sigma of the offset in mm. With the search, centers find 6 or 7 of 8
# brains of capture.py, the headers 2, and a sigma of 50 mm none.
FROM_HEADERS, SEARCH = "-ia-identity", "-ia-image-centers -search 1000 any 10"
# Steps on each level; a quarter of the voxels of a small image is too little for it.
STEPS, STEPS_OF_SMALL = "100x50x10", "100x50"
SMALL_VOXELS = 64


@dataclass(frozen=True)
class Greedy:
    """Rigid normalised mutual information of greedy, from a rigid initial transform.

    Parameters
    ----------
    threads
        Number of threads.
    searches
        Permission to search around the image centers, from a thousand random rotations.
    """

    threads: int = 1
    searches: bool = False

    def register(self, pair: Pair) -> Estimate:
        """Return the total map."""
        from picsl_greedy import Greedy3D

        # Starts are given by the header: greedy takes none from memory.
        start = cast("AffineTransform", pair.start)
        moving = moved(normalize_for_similarity(pair.moving), start.inverse())
        start_from = SEARCH if self.searches else FROM_HEADERS
        steps = STEPS if min(pair.fixed.grid.shape_zyx) >= SMALL_VOXELS else STEPS_OF_SMALL
        greedy = Greedy3D()
        with silence():
            greedy.execute(
                f"{COMMAND} {start_from} -n {steps} -threads {self.threads}",
                out=io.StringIO(),
                err=io.StringIO(),
                fixed=volume_to_sitk(normalize_for_similarity(pair.fixed)),
                moving=volume_to_sitk(moving),
                found=None,
            )
        found = AffineTransform(RAS @ greedy["found"] @ RAS)
        return Estimate(start @ found)


@contextmanager
def silence() -> Iterator[None]:
    """Drop what C code writes to the terminal."""
    kept = {stream: os.dup(stream) for stream in (1, 2)}
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in kept:
        os.dup2(nowhere, stream)
    try:
        yield
    finally:
        for stream, before in kept.items():
            os.dup2(before, stream)
            os.close(before)
        os.close(nowhere)
