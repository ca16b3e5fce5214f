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
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from regkit.case import Case, Dataset, IndexedDataset
from regkit.datasets import build_dataset, read_dataset
from regkit.errors import FileFormatError, ParameterError
from regkit.grid import FloatArray, Grid, Vector3
from regkit.io.staging import staged
from regkit.learning.prepare import WINDOWS, prepared
from regkit.share import shared_out
from regkit.training import Progress, TrainingJob
from regkit.transform import AffineTransform
from regkit.volume import Volume
from regkit_pairnets.inference import centre_of_mass
from regkit_pairnets.train.preset import Preset

SUFFIX = ".safetensors"


@dataclass(frozen=True, eq=False)
class PooledImage:
    """A prepared image.

    Parameters
    ----------
    tensor
        Shape (1, 1, z, y, x), half precision.
    grid
        Where its voxels are.
    in_air
        Whether air is 0, so that it goes on as air beside its slices, and not as its border.
    """

    tensor: torch.Tensor
    grid: Grid
    in_air: bool = False


@dataclass(frozen=True, eq=False)
class PooledCase:
    """A pair in its true alignment.

    Parameters
    ----------
    fixed, moving
        Prepared, NaN where unknown.
    truth
        Rigid, maps fixed to moving points.
    focus_mm
        What the scans are about, in the fixed image.
    facts
        Of the images as they came: modalities, extent and voxels in mm.
    """

    fixed: PooledImage
    moving: PooledImage
    truth: AffineTransform
    focus_mm: Vector3
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
    preset
        How they are prepared.
    """

    dataset: Dataset
    folder: Path
    preset: Preset

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
        for count, _ in enumerate(shared_out(self.make, missing, self.preset.workers), start=1):
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
        arrays, facts = _prepare(case, self.preset)
        with staged(self.folder) as stage:
            save_file(arrays, stage.path(self._file(index).name), {"facts": json.dumps(facts)})


def open_pools(
    job: TrainingJob, preset: Preset, parameters: dict[str, dict[str, Any]]
) -> tuple[Pool, Pool]:
    """Return the pools of training and of validation.

    Raises
    ------
    FileFormatError, UnknownNameError
        The dataset is no folder and no name.
    ParameterError
        A dataset folder has too few cases.
    """
    if Path(job.data).exists():
        train, validation = _from_folder(Path(job.data))
        source: dict[str, Any] = {"folder": str(Path(job.data).resolve())}
    else:
        own = parameters.get(job.data, {})
        train = build_dataset(job.data, {**own, "n": preset.cases, "split": "train"}, job.registry)
        validation = build_dataset(
            job.data, {**own, "n": preset.validation_cases, "split": "validation"}, job.registry
        )
        source = {"parameters": own}
    home = (job.cache or job.folder / "pool").absolute()
    look = [preset.spacing, preset.fixed, preset.moving]
    digest = hashlib.sha256(json.dumps([train.name, source, look]).encode()).hexdigest()[:8]
    folder = home / f"{train.name}-{digest}"
    return (
        Pool(train, folder / "train", preset),
        Pool(validation, folder / "validation", preset),
    )


def _from_folder(path: Path) -> tuple[Dataset, Dataset]:
    """Split a folder as its index says, or keep the last tenth of its patients for validation."""
    folder = read_dataset(path)
    train, validation = folder.split("train"), folder.split("validation")
    if len(train) and len(validation):
        return train, validation
    groups = sorted({entry.get("group") or entry["id"] for entry in folder.entries})
    kept = set(groups[-max(1, len(groups) // 10) :])
    if len(groups) < 2:
        raise ParameterError(f"training needs two patients or more, {path} has {len(groups)}")
    parts: tuple[list[Any], list[Any]] = ([], [])
    for entry in folder.entries:
        parts[(entry.get("group") or entry["id"]) in kept].append(entry)
    one, two = (type(folder)(folder.folder, folder.name, tuple(part)) for part in parts)
    return one, two


def _prepare(case: Case, preset: Preset) -> tuple[dict[str, Any], dict[str, Any]]:
    truth = case.truth
    if not isinstance(truth, AffineTransform) or not truth.is_rigid:
        raise ParameterError(f"case {case.id} has no rigid truth to learn from")
    pair, arrays = case.pair, {}
    facts: dict[str, Any] = {"truth": truth.matrix.tolist(), "focus_mm": list(_focus(case))}
    for role, mask in (("fixed", pair.fixed_mask), ("moving", pair.moving_mask)):
        given: Volume = getattr(pair, role)
        ready = prepared(given, getattr(preset, role), preset.spacing, mask)
        arrays[role] = ready.array.astype(np.float16)
        offset = centre_of_mass(ready) - given.grid.centre
        facts[role] = {
            "grid": asdict(ready.grid),
            "modality": given.modality or getattr(preset, role),
            "extent_mm": np.ptp(given.grid.corners(), axis=0).tolist(),
            "mass_mm": offset.tolist(),
            "voxel_mm": max(given.grid.spacing),
        }
    return arrays, facts


def _focus(case: Case) -> FloatArray:
    """Return the centre of the myocardium, where there is one, else of all labels, else of all."""
    labels, grid = case.fixed_labels, case.pair.fixed.grid
    if labels is None or not labels.array.any():
        return np.asarray(grid.centre)
    wanted = labels.array == case.extra.get("myocardium_label", -1)
    index = np.argwhere(wanted if wanted.any() else labels.array != 0)
    return labels.grid.to_physical(index.mean(axis=0))


def _read(file: Path) -> PooledCase:
    try:
        with safe_open(file, framework="pt") as stored:
            facts = json.loads(stored.metadata()["facts"])
            tensors = {role: stored.get_tensor(role) for role in ("fixed", "moving")}
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise FileFormatError(f"{file} is damaged; delete it to have it made again") from error
    images = {
        role: PooledImage(
            tensor[None, None],
            Grid(**facts[role].pop("grid")),
            facts[role]["modality"] in WINDOWS,
        )
        for role, tensor in tensors.items()
    }
    x, y, z = facts.pop("focus_mm")
    truth = AffineTransform(np.asarray(facts.pop("truth")))
    return PooledCase(images["fixed"], images["moving"], truth, (x, y, z), facts)
