"""Make anatomy folders for `regkit simulate spect-ct --anatomy` from two public CTs.

    python benchmarks/real_anatomy.py DATA OUT
    regkit simulate spect-ct --anatomy OUT/ts_ct -n 2 -o OUT/cases --montage

DATA holds `ts_ct` (an abdomen with TotalSegmentator labels) and `nm_phantoms` (a torso with organ
codes); their PROVENANCE.txt name the sources. Uptake is about that of Tc-99m sestamibi and, for
the torso, of Lu-177 DOTATATE, relative to each other.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from regkit import Grid, LabelMap, Volume, read_labels, read_volume, write_volume

OTHER_TISSUE = 0.05
SESTAMIBI = {
    "liver": 0.6,
    "spleen": 0.4,
    "kidney_left": 0.9,
    "kidney_right": 0.9,
    "gallbladder": 2.0,
    "colon": 0.3,
    "small_bowel": 0.5,
    "duodenum": 0.4,
    "stomach": 0.15,
    "urinary_bladder": 0.8,
}
# Code in the torso's map, name, uptake of DOTATATE.
TORSO = (
    (15000, "liver", 0.6),
    (16000, "spleen", 1.2),
    (17000, "kidney_left", 1.5),
    (18000, "kidney_right", 1.5),
    (19000, "lesion_1", 4.0),
    (20000, "lesion_2", 4.0),
    (21000, "lesion_3", 4.0),
)


def abdomen(data: Path, folder: Path) -> None:
    source = data / "ts_ct"
    lines = (source / "derived" / "example_ct_labels.txt").read_text().splitlines()
    names = {int(label): name for label, name, *_ in map(str.split, lines)}
    rows = [(label, name, SESTAMIBI.get(name, OTHER_TISSUE)) for label, name in names.items()]
    write(
        folder,
        read_volume(source / "example_ct.nii.gz", "ct"),
        read_labels(source / "derived" / "example_ct_labels.nii.gz"),
        [(0, "other tissue", OTHER_TISSUE), *rows],
    )


def torso(data: Path, folder: Path) -> None:
    source = data / "nm_phantoms" / "derived"
    stored = read_volume(source / "patient15_LuDOTATATE_attn.nii.gz")
    codes = read_labels(source / "patient15_LuDOTATATE_src.nii.gz").array
    # The files have no orientation: the spine is at low y and the liver above the kidneys at low
    # z, so both axes run backwards; the liver is at low x, the patient's right, as in LPS.
    flipped = (1, 0, 0, 0, -1, 0, 0, 0, -1)
    grid = Grid(stored.grid.shape_zyx, stored.grid.spacing, (0.0, 0.0, 0.0), flipped)
    labels = np.zeros(codes.shape, np.uint8)
    for label, (code, *_) in enumerate(TORSO, start=1):
        labels[codes == code] = label
    rows = [(label, name, uptake) for label, (_, name, uptake) in enumerate(TORSO, start=1)]
    ct = Volume(stored.array - 1000, grid, "ct")
    write(folder, ct, LabelMap(labels, grid), [(0, "other tissue", 0.02), *rows])


def write(folder: Path, ct: Volume, labels: LabelMap, rows: list[tuple[int, str, float]]) -> None:
    write_volume(ct, folder / "ct.nii.gz")
    write_volume(labels, folder / "labels.nii.gz")
    lines = ["label,name,uptake", *(",".join(map(str, row)) for row in rows)]
    (folder / "uptake.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(folder)


def main() -> None:
    data, out = map(Path, sys.argv[1:])
    abdomen(data, out / "ts_ct")
    torso(data, out / "patient15")


if __name__ == "__main__":
    main()
