"""The real prostates of DeepReg in patient axes, and dataset folders of them for `regkit train`.

    python benchmarks/prostates.py --data ../shared/data -o FOLDER [--fold 0|1|2|3|4|all] [--shift]

MR is fixed here, and moving in the files. The headers of the files are wrong: the images show i to
posterior, j from left to right and k to superior (the bladder at high k, the rectum at high i),
and the glands' volumes contradict voxels of 0.4 mm. All is written with `--voxel-mm` and the right
axes, both images around the origin.

Fold 0 keeps every fifth patient from the first on for validation, fold 1 those after them, and so
on. ``all`` trains on all patients, and validates with the last three of them: no score then.

The true map is not known, and is not rigid. With `--shift` the shift that brings the centres of
the glands together stands for it, since networks that estimate motions need one.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from regkit import Grid, LabelMap, Volume
from regkit.datasets.folder import write_dataset
from regkit.geometry.transform import AffineTransform
from regkit.io import write_volume
from regkit.io.transforms import write_transform

HERE = Path(__file__).parent
DATA = HERE.parent.parent / "shared" / "data"
FOLDER = "deepreg_mrtrus"
# Side of a voxel in mm with which the glands have the volumes of prostates; chosen by hand.
VOXEL_MM = 1.4
FOLDS = 5


@dataclass(frozen=True, eq=False)
class Prostate:
    """A patient: images, and labels (landmark, z, y, x) of which the first is the gland."""

    name: str
    images: tuple[Volume, Volume]
    labels: tuple[np.ndarray, np.ndarray]

    def centres(self, role: int) -> np.ndarray:
        """Return the centres of gland and landmarks of the fixed (0) or moving (1) image, mm."""
        index = [np.argwhere(label > 0.5).mean(axis=0) for label in self.labels[role]]
        return self.images[role].grid.to_physical(np.stack(index))

    def gland(self, role: int) -> LabelMap:
        """Return the mask of the gland in the fixed (0) or moving (1) image."""
        return LabelMap((self.labels[role][0] > 0.5).astype(np.uint8), self.images[role].grid)

    def shift(self) -> AffineTransform:
        """Return the shift that brings the centres of the glands together."""
        return AffineTransform.shift(self.centres(1)[0] - self.centres(0)[0])


def prostates(data: Path, voxel_mm: float = VOXEL_MM) -> Iterator[Prostate]:
    """Read the patients in their order."""
    folder = data / FOLDER
    for file in sorted((folder / "fixed_images").glob("*.nii.gz")):
        images, labels = [], []
        for role, modality in (("moving", "mr"), ("fixed", "us")):
            array = zyx(folder / f"{role}_images" / file.name)
            grid = centred(array.shape, voxel_mm)
            images.append(Volume(array.astype(np.float32), grid, modality))
            known = zyx(folder / f"{role}_labels" / file.name)
            labels.append(known.reshape(-1, *array.shape))
        yield Prostate(file.name.partition(".")[0], (images[0], images[1]), (labels[0], labels[1]))


def zyx(path: Path) -> np.ndarray:
    """Return an array of a file (i, j, k) or (i, j, k, label) as (..., z, y, x) in LPS."""
    array = np.asarray(nib.load(path).dataobj)
    axes = (*range(3, array.ndim), 2, 0, 1)
    return np.ascontiguousarray(array.transpose(axes)[..., ::-1])


def centred(shape: tuple[int, ...], voxel_mm: float) -> Grid:
    """Return a grid around the origin."""
    nz, ny, nx = shape
    origin = [-(n - 1) / 2 * voxel_mm for n in (nx, ny, nz)]
    return Grid((nz, ny, nx), (voxel_mm,) * 3, (origin[0], origin[1], origin[2]))


def left_out(number: int, fold: int) -> bool:
    """Return whether the patient of this number, from 0, is not trained on in a fold."""
    return number % FOLDS == fold


def write_folder(
    folder: Path, patients: list[Prostate], fold: int | None, shift: bool = False
) -> None:
    """Write patients as a dataset folder, split for a fold; None for all to train on."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for number, patient in enumerate(patients):
        files = _write(folder, patient)
        if shift:
            files["truth"] = f"{patient.name}_shift.tfm"
            write_transform(patient.shift(), folder / files["truth"])
        held_out = fold is not None and left_out(number, fold)
        split = "validation" if held_out else "train"
        entries.append({"id": patient.name, "group": patient.name, "split": split, **files})
    if fold is None:
        again = [{**e, "id": f"{e['id']}-again", "split": "validation"} for e in entries[-3:]]
        entries += again
    write_dataset(folder, f"prostates-{'all' if fold is None else fold}", entries)


def _write(folder: Path, patient: Prostate) -> dict[str, str]:
    files = {"fixed_modality": "mr", "moving_modality": "us"}
    for number, role in enumerate(("fixed", "moving")):
        for key, volume in (("", patient.images[number]), ("_labels", patient.gland(number))):
            files[role + key] = f"{patient.name}_{role}{key}.nii.gz"
            write_volume(volume, folder / files[role + key])
    return files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--fold", default="all")
    parser.add_argument("--voxel-mm", type=float, default=VOXEL_MM)
    parser.add_argument("--shift", action="store_true", help="a shift stands for the true map")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    patients = list(prostates(options.data, options.voxel_mm))
    fold = None if options.fold == "all" else int(options.fold)
    write_folder(options.output, patients, fold, options.shift)
    print(f"{options.output}: {len(patients)} patients")


if __name__ == "__main__":
    main()
