"""Prepared cases on disk: simulated once, trained on many times."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from regkit.case import Case, Dataset, IndexedDataset
from regkit.datasets import build_dataset, read_dataset
from regkit.errors import FileFormatError, ParameterError
from regkit.grid import FloatArray, Grid
from regkit.io.staging import staged
from regkit.resampling import resample
from regkit.share import shared_out
from regkit.training import Progress, TrainingJob
from regkit.transform import AffineTransform
from regkit.volume import Volume
from regkit_msstunet.geometry import cube
from regkit_msstunet.prepare import centre_of_mass, prepared
from regkit_msstunet.train.choices import Choices

SUFFIX = ".safetensors"
# `--data both` is PET and SPECT.
TOGETHER = {"both": "lv-spect,lv-pet"}
# Short-axis planes around the ventricle, in which its labels are kept.
FRAME_MM, FINER = 170.0, 2
LEVELS = 255


@dataclass(frozen=True, eq=False)
class PooledCase:
    """A prepared image and its ventricle.

    Parameters
    ----------
    image
        Intensities in 255ths, (1, 1, z, y, x), bytes.
    grid
        Where its voxels are.
    labels
        Of the ventricle in short-axis planes, (1, 1, m, m, m), bytes: 1 myocardium, 2 blood pool.
    frame
        Where those are; around the origin.
    truth
        Rigid, maps short-axis points to the image, LPS mm.
    facts
        Of the image as it came: modality, extent, voxels and way to its centre of mass in mm.
    """

    image: torch.Tensor
    grid: Grid
    labels: torch.Tensor
    frame: Grid
    truth: AffineTransform
    facts: dict[str, Any]


@dataclass(frozen=True)
class Pool:
    """Where the prepared cases of a dataset are.

    Parameters
    ----------
    dataset
        Where they come from.
    folder
        Where they go.
    choices
        How they are prepared.
    """

    dataset: Dataset
    folder: Path
    choices: Choices

    def fill(self, stage: str) -> Iterator[Progress]:
        """Prepare every case that is not there yet."""
        total = len(self.dataset)
        if not isinstance(self.dataset, IndexedDataset):
            for index, case in enumerate(self.dataset):
                self._write(index, case)
                yield Progress(stage, index + 1, total)
            return
        missing = [i for i in range(total) if not self._file(i).exists()]
        done = total - len(missing)
        yield Progress(stage, done, total)
        for count, _ in enumerate(shared_out(self.make, missing, self.choices.workers), start=1):
            yield Progress(stage, done + count, total)

    def make(self, index: int) -> int:
        """Prepare one case of an indexed dataset."""
        assert isinstance(self.dataset, IndexedDataset)  # noqa: S101 - who calls has asked
        self._write(index, self.dataset.case(index))
        return index

    def load(self) -> list[PooledCase]:
        """Read all cases into memory."""
        return [_read(self._file(index)) for index in range(len(self.dataset))]

    def _file(self, index: int) -> Path:
        return self.folder / f"{index:06d}{SUFFIX}"

    def _write(self, index: int, case: Case) -> None:
        arrays, facts = _prepare(case, self.choices)
        with staged(self.folder) as stage:
            save_file(arrays, stage.path(self._file(index).name), {"facts": json.dumps(facts)})


def open_pools(
    job: TrainingJob, choices: Choices, parameters: dict[str, dict[str, Any]]
) -> tuple[list[Pool], list[Pool]]:
    """Return the pools of training and of validation: one of each dataset.

    Parameters
    ----------
    job
        Its data is a folder, a dataset's name, several with commas between them, or ``both``.
    choices, parameters
        Of the training, and of datasets.

    Raises
    ------
    FileFormatError, UnknownNameError
        A dataset is no folder and no name.
    ParameterError
        A dataset folder has too few cases.
    """
    home = (job.cache or job.folder / "pool").absolute()
    pools: tuple[list[Pool], list[Pool]] = ([], [])
    for data in TOGETHER.get(job.data, job.data).split(","):
        own = parameters.get(data.strip(), {})
        both = _split(job, data.strip(), own, choices)
        look = [choices.spacing_mm, choices.exponent, FRAME_MM, FINER]
        source = [both[0].name, str(Path(data).resolve()) if Path(data).exists() else own, look]
        digest = hashlib.sha256(json.dumps(source).encode()).hexdigest()[:8]
        folder = home / f"reoriented-{both[0].name}-{digest}"
        for place, (dataset, split) in enumerate(zip(both, ("train", "validation"), strict=True)):
            pools[place].append(Pool(dataset, folder / split, choices))
    return pools


def _split(
    job: TrainingJob, data: str, own: dict[str, Any], choices: Choices
) -> tuple[Dataset, Dataset]:
    if Path(data).exists():
        return _from_folder(Path(data))
    counts = {"train": choices.cases, "validation": choices.validation_cases}
    train, validation = (
        build_dataset(data, {**own, "n": n, "split": split}, job.registry)
        for split, n in counts.items()
    )
    return train, validation


def _from_folder(path: Path) -> tuple[Dataset, Dataset]:
    """Split a folder as its index says, or keep the last tenth of its patients for validation."""
    folder = read_dataset(path)
    train, validation = folder.split("train"), folder.split("validation")
    if len(train) and len(validation):
        return train, validation
    groups = sorted({entry.get("group") or entry["id"] for entry in folder.entries})
    if len(groups) < 2:
        raise ParameterError(f"training needs two patients or more, {path} has {len(groups)}")
    kept = set(groups[-max(1, len(groups) // 10) :])
    parts: tuple[list[Any], list[Any]] = ([], [])
    for entry in folder.entries:
        parts[(entry.get("group") or entry["id"]) in kept].append(entry)
    one, two = (type(folder)(folder.folder, folder.name, tuple(part)) for part in parts)
    return one, two


def _prepare(case: Case, choices: Choices) -> tuple[dict[str, Any], dict[str, Any]]:
    truth, moving = case.truth, case.pair.moving
    if not isinstance(truth, AffineTransform) or not truth.is_rigid:
        raise ParameterError(f"case {case.id} has no rigid truth to learn from")
    if case.moving_labels is None:
        raise ParameterError(f"case {case.id} has no labels of its moving image to learn from")
    pose = AffineTransform(truth.matrix @ _shift(case.pair.fixed.grid.centre))
    ready = prepared(moving, choices.spacing_mm, choices.exponent, case.pair.moving_mask)
    spacing = choices.spacing_mm / FINER
    # An odd number: voxels of the network's cube are then voxels of this one, and not between.
    frame = cube(int(np.ceil(FRAME_MM / spacing)) | 1, spacing)
    facts = {
        "truth": pose.matrix.tolist(),
        "grid": asdict(ready.grid),
        "frame": asdict(frame),
        "modality": moving.modality,
        "extent_mm": np.ptp(moving.grid.corners(), axis=0).tolist(),
        "mass_mm": (centre_of_mass(ready) - moving.grid.centre).tolist(),
        "voxel_mm": max(moving.grid.spacing),
    }
    arrays = {
        "image": np.round(ready.array * LEVELS).astype(np.uint8),
        "labels": _reoriented(case, frame, pose),
    }
    return arrays, facts


def _reoriented(case: Case, frame: Grid, pose: AffineTransform) -> NDArray[np.uint8]:
    """Return the ventricle's labels in short-axis planes, smooth between the image's voxels."""
    labels = case.moving_labels
    assert labels is not None  # noqa: S101 - as was checked
    shares = [
        resample(Volume(labels.array == case.extra.get(key, usual), labels.grid), frame, pose)
        for key, usual in (("myocardium_label", 1), ("blood_pool_label", 2))
    ]
    wall, pool = (share.array for share in shares)
    if not (wall.any() and pool.any()):
        raise ParameterError(f"case {case.id} has no labels of myocardium and blood pool")
    rest = 1 - wall - pool
    return np.where(wall > np.maximum(rest, pool), 1, np.where(pool > rest, 2, 0)).astype(np.uint8)


def _shift(by: Any) -> FloatArray:
    return AffineTransform.shift(by).matrix


def _read(file: Path) -> PooledCase:
    try:
        with safe_open(file, framework="pt") as stored:
            facts = json.loads(stored.metadata()["facts"])
            image, labels = (stored.get_tensor(key) for key in ("image", "labels"))
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise FileFormatError(f"{file} is damaged; delete it to have it made again") from error
    grid, frame = (Grid(**facts.pop(key)) for key in ("grid", "frame"))
    truth = AffineTransform(np.asarray(facts.pop("truth")))
    return PooledCase(image[None, None], grid, labels[None, None], frame, truth, facts)
