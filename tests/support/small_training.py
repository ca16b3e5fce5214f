"""A training of seconds: thorax phantoms, a tiny network."""

from pathlib import Path

import numpy as np

from regkit import Grid, rigid
from regkit.datasets.folder import write_dataset
from regkit.io import write_volume
from regkit.io.transforms import write_transform
from regkit.learning.training_job import TrainingJob
from regkit.registry import default_registry
from regkit.testing.phantom import thorax

GRID = Grid((20, 20, 20), (18.0, 18.0, 18.0), (-171.0, -171.0, -171.0))
TINY = {
    "shape_zyx": (8, 8, 8),
    "spacing": (40.0, 40.0, 40.0),
    "batch_size": 2,
    "width": 0.0625,
    "log_every": 1,
    "checkpoint_every": 2,
    "validate_every": 3,
    "passes": 2,
}


def write_cases(folder: Path, count: int = 4) -> Path:
    """Write phantoms, each with another motion, as a dataset folder."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(5)
    entries = []
    for number in range(count):
        truth = rigid(rng.uniform(-8, 8, 3), rng.uniform(-20, 20, 3))
        write_volume(thorax(GRID, "pet"), folder / f"{number}-pet.nii.gz")
        write_volume(thorax(GRID, "ct", truth), folder / f"{number}-ct.nii.gz")
        write_transform(truth, folder / f"{number}.tfm")
        entries.append(
            {
                "id": f"p{number}",
                "fixed": f"{number}-pet.nii.gz",
                "moving": f"{number}-ct.nii.gz",
                "fixed_modality": "pet",
                "moving_modality": "ct",
                "truth": f"{number}.tfm",
            }
        )
    write_dataset(folder, "phantoms", entries)
    return folder


def job(data: Path, folder: Path, method: str = "dvnet", **changes) -> TrainingJob:
    """Return a training of six steps; `changes` are of the preset, or of the job."""
    own = {k: changes.pop(k) for k in ("resume", "preset", "steps", "start") if k in changes}
    choices = TINY | changes
    return TrainingJob(
        method, str(data), folder, default_registry(), **{"steps": 6, **own}, changes=choices
    )
