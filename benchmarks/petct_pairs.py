"""Write aligned PET/CT pairs of real anatomy as dataset folders, for `pet-ct-misplaced`.

sts      PET and CT of eight thighs by one hybrid scanner (TCIA Soft-Tissue-Sarcoma as cropped by
         the IBSI), with the contour of the tumour; their headers are nearly the truth
abdomen  CT of an abdomen with TotalSegmentator labels; its PET is simulated from them: FDG uptake
         of the organs (SUV), blurred and noisy as that of the whole-body phantom

DATA holds `ibsi_sts` and `ts_ct`, whose PROVENANCE.txt name the sources. Files are linked to, or
converted where a label map cannot be used as it is.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from regkit import LabelMap, Volume, read_labels, read_volume, write_volume
from regkit.datasets.folder import INDEX, write_dataset
from regkit_nuclear.phantoms.wholebody.imaging import pet_image

TISSUE_HU, TISSUE_SUV = -250.0, 0.6
SUV = {
    "liver": 2.2,
    "spleen": 1.8,
    "kidney_left": 2.6,
    "kidney_right": 2.6,
    "urinary_bladder": 15.0,
    "stomach": 1.8,
    "duodenum": 1.6,
    "small_bowel": 1.6,
    "colon": 1.5,
    "pancreas": 1.5,
    "aorta": 1.6,
    "inferior_vena_cava": 1.6,
    "prostate": 1.5,
}
# Of labels whose names begin so, where the table above has none.
FAMILIES = {"vertebrae": 1.4, "sacrum": 1.2, "hip": 1.0, "lung": 0.4, "rib": 0.8}


def sts(data: Path, folder: Path) -> None:
    """Write the thighs as a dataset folder."""
    entries = []
    for home in sorted((data / "ibsi_sts").glob("STS_*")):
        named = {"fixed": "CT_image", "moving": "PET_image"}
        named |= {"fixed_labels": "CT_mask", "moving_labels": "PET_mask"}
        entry = {"id": home.name, "group": home.name, "fixed_modality": "ct"}
        for key, name in named.items():
            entry[key] = f"{home.name}_{name}.nii.gz"
            link(folder / entry[key], home / f"{name}.nii.gz")
        entries.append(entry | {"moving_modality": "pet"})
    write_dataset(folder, "sts", entries)


def abdomen(data: Path, folder: Path) -> None:
    """Write the abdomen as a dataset folder of one pair."""
    home = data / "ts_ct"
    ct = read_volume(home / "example_ct.nii.gz", "ct")
    labels = read_labels(home / "derived" / "example_ct_labels.nii.gz")
    folder.mkdir(parents=True, exist_ok=True)
    write_volume(uptake(ct, labels, label_names(data)), folder / "pet.nii.gz")
    link(folder / "ct.nii.gz", home / "example_ct.nii.gz")
    link(folder / "labels.nii.gz", home / "derived" / "example_ct_labels.nii.gz")
    entry = {"id": "ts_ct", "group": "ts_ct", "fixed": "ct.nii.gz", "moving": "pet.nii.gz"}
    entry |= {"fixed_labels": "labels.nii.gz", "moving_labels": "labels.nii.gz"}
    write_dataset(folder, "abdomen", [entry | {"fixed_modality": "ct", "moving_modality": "pet"}])


def uptake(ct: Volume, labels: LabelMap, names: dict[int, str]) -> Volume:
    """Return a simulated PET, SUV, of FDG uptake in labelled organs."""
    suv = np.where(ct.array > TISSUE_HU, np.float32(TISSUE_SUV), np.float32(0))
    for label, name in names.items():
        family = next((FAMILIES[start] for start in FAMILIES if name.startswith(start)), None)
        value = SUV.get(name, family)
        if value is not None:
            suv[labels.array == label] = value
    return Volume(pet_image(suv, ct.grid, np.random.default_rng(0)), ct.grid, "pet")


def label_names(data: Path) -> dict[int, str]:
    """Return the names of the labels of the abdomen."""
    lines = (data / "ts_ct" / "derived" / "example_ct_labels.txt").read_text().splitlines()
    return {int(label): name for label, name, *_ in map(str.split, lines)}


def aligned(name: str, data: Path, folder: Path) -> Path:
    """Return the dataset folder of aligned pairs, written if it is missing."""
    if not (folder / INDEX).exists():
        {"sts": sts, "abdomen": abdomen}[name](data, folder)
    return folder


def link(path: Path, target: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.symlink_to(target.resolve())
