"""Compile every kernel at installation: ``python -m regkit_instance.compile_kernels``.

The compiled loops stay beside the package, or in the user's cache where that cannot be written.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from regkit.geometry import resampling
from regkit.geometry.grid import Grid
from regkit.geometry.transform import IDENTITY
from regkit.geometry.volume import Volume
from regkit.registrar import Pair, Registrar
from regkit.registration.known_regions import known_pair
from regkit.registration.verdict import assess
from regkit_instance.fast import FastRegistration
from regkit_instance.iso import InstanceOptimization, MeasureName


def delete_compiled() -> None:
    """Delete loops compiled earlier in the package and in the core."""
    for package in (Path(__file__).parent, Path(resampling.__file__).parents[1]):
        for stored in package.rglob("__pycache__/*.nb[ic]"):
            stored.unlink(missing_ok=True)


def compile_kernels() -> None:
    """Register a small image of a tilted bar with itself by every compiled measure; judge it."""
    grid = Grid((16, 16, 16), (4.0, 4.0, 4.0))
    z, y, x = np.indices(grid.shape_zyx)
    measures: tuple[MeasureName, ...] = ("lncc", "local-cr", "ngf", "mind")
    image = Volume(np.exp(-((x - 7.0) ** 2) / 9 - (y - 0.5 * z - 4.0) ** 2 / 25), grid)
    registrars: tuple[Registrar, ...] = (
        FastRegistration(samples=1000),
        FastRegistration("cr", samples=1000),
        *(InstanceOptimization(measure, samples=2000) for measure in measures),
    )
    for registrar in registrars:
        registrar.register(Pair(image, image))
    resampling.resample(image, grid)
    padded = Volume(np.where(x < 2, 100.0, image.array + 0.01 * np.sin(x * y * z)), grid)
    known = known_pair(Pair(padded, image)).pair
    assess(known, IDENTITY)


if __name__ == "__main__":
    delete_compiled()
    compile_kernels()
