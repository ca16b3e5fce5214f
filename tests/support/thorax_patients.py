"""A few rendered patients that several tests look at."""

from functools import cache

import numpy as np

from regkit.geometry.grid import Grid
from regkit_nuclear.phantoms.thorax import ORGANS, draw_thorax_patient
from regkit_nuclear.phantoms.thorax.render import render_thorax

SEEDS = tuple(range(12))


def field_of_view(n):
    """The usual field of view of n voxels along every axis."""
    voxel = 2 * 217.6 / n
    return Grid((n, n, n), (voxel,) * 3, ((voxel - 2 * 217.6) / 2,) * 3)


GRID = field_of_view(96)


@cache
def rendered(seed):
    patient = draw_thorax_patient(seed)
    return patient, render_thorax(patient, GRID)


def where(volume, label):
    """Points (N, 3) in LPS mm of a label, which is a number or the name of an organ."""
    number = ORGANS[label] if isinstance(label, str) else label
    return volume.grid.to_physical(np.argwhere(volume.array == number))


def volumes_ml(organs):
    """Volume of every organ by name."""
    count = np.bincount(organs.array.ravel(), minlength=len(ORGANS) + 1)
    return {n: count[i] * np.prod(organs.grid.spacing) / 1000 for n, i in ORGANS.items()}
