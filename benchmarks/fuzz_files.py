"""Good files of every format that regkit reads, and what is read from them as a digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SHAPE = (6, 7, 8)
POINTS = np.random.default_rng(0).normal(size=(8, 3)) * 10
# Decimals of what is compared: rounding of float32 headers is no change.
DECIMALS = 4


@dataclass(frozen=True)
class GoodFile:
    """A file that is damaged, with the others that are read with it.

    Parameters
    ----------
    name
        Name of the format in the results.
    folder
        Folder that holds all files of the case, and nothing else.
    read
        Path within the folder that is read.
    reader
        Name in `READERS`.
    checked
        True where regkit wrote a checksum of all that counts: no damage may go unseen.
    """

    name: str
    folder: Path
    read: str
    reader: str
    checked: bool = False


def good_files(folder: Path) -> Iterator[GoodFile]:
    """Write the good files, each in a folder of its own."""
    yield from _images(folder)
    yield from _transforms(folder)
    yield from _texts(folder)


def _images(folder: Path) -> Iterator[GoodFile]:
    import nibabel as nib
    import SimpleITK as sitk

    from regkit import Grid, Volume, write_volume

    array = np.random.default_rng(1).normal(size=SHAPE).astype(np.float32)
    volume = Volume(array, Grid(SHAPE, (1.5, 2, 3), (10, -20, 30)))
    for suffix in (".nii", ".nii.gz", ".mgh", ".mgz", ".mha", ".mhd", ".nrrd", ".nhdr"):
        case = folder / f"regkit{suffix}"
        write_volume(volume, case / f"a{suffix}")
        yield GoodFile(suffix, case, f"a{suffix}", "image", suffix not in (".nii", ".mgh"))
    image = sitk.GetImageFromArray((array * 100).astype(np.int16))
    for suffix in (".mha", ".mhd", ".nrrd", ".nhdr"):
        case = folder / f"itk{suffix}"
        case.mkdir(parents=True)
        sitk.WriteImage(image, str(case / f"a{suffix}"), suffix == ".mhd")
        yield GoodFile(f"{suffix} of ITK", case, f"a{suffix}", "image")
    case = folder / "pair"
    case.mkdir()
    nib.Nifti1Pair(array.T, np.diag([2.0, 2, 3, 1])).to_filename(case / "a.img")
    yield GoodFile(".hdr/.img", case, "a.hdr", "image")
    _write_dicom(folder / "dicom" / "series", (array * 100).astype("<i2"))
    yield GoodFile("DICOM series", folder / "dicom", "series", "image")


def _write_dicom(folder: Path, voxels: Any) -> None:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

    folder.mkdir(parents=True)
    series, frame = (generate_uid(entropy_srcs=[name]) for name in ("series", "frame"))
    for number, pixels in enumerate(voxels):
        header = Dataset()
        header.file_meta = FileMetaDataset()
        header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        header.SOPClassUID = CTImageStorage
        header.SOPInstanceUID = generate_uid(entropy_srcs=[str(number)])
        header.SeriesInstanceUID, header.FrameOfReferenceUID = series, frame
        header.Modality, header.PhotometricInterpretation = "CT", "MONOCHROME2"
        header.Rows, header.Columns = pixels.shape
        header.SamplesPerPixel, header.PixelRepresentation = 1, 1
        header.BitsAllocated, header.BitsStored, header.HighBit = 16, 16, 15
        header.ImagePositionPatient = [10, -20, 30 + 2.5 * number]
        header.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        header.PixelSpacing = [1.5, 1.5]
        header.RescaleSlope, header.RescaleIntercept = 1, -1000
        header.PixelData = pixels.tobytes()
        header.save_as(folder / f"{number}.dcm", enforce_file_format=True)


def _transforms(folder: Path) -> Iterator[GoodFile]:
    import SimpleITK as sitk

    from regkit import Grid, rigid, write_transform
    from regkit.geometry.transform import DisplacementField

    affine = rigid((10, 20, 30), (1, 2, 3))
    vectors = np.random.default_rng(2).normal(size=(4, 5, 6, 3))
    field = DisplacementField(vectors, Grid((4, 5, 6), (5, 5, 5), (-10, -10, -10)))
    for name, kind, made in (
        ("a.tfm", "itk", affine),
        ("a.h5", "itk", affine),
        ("field.h5", "itk", field),
        ("a.mat", "ants", affine),
        ("a.txt", "ras", affine),
        ("a.json", "json", affine),
        ("a.lta", "lta", affine),
        ("field.nii.gz", "warp", field),
        ("field.tfm", "itk", field),
    ):
        case = folder / f"transform-{name}"
        case.mkdir(parents=True)
        write_transform(made, case / name, format=kind, **_images_for(kind, folder))
        yield GoodFile(f"transform {name}", case, name, "transform", name == "field.nii.gz")
    steps = [sitk.Euler3DTransform((1, 2, 3), 0.1, 0.2, 0.3, (4, 5, 6)), sitk.AffineTransform(3)]
    for name in ("chain.h5", "chain.tfm"):
        case = folder / f"transform-{name}"
        case.mkdir()
        sitk.WriteTransform(sitk.CompositeTransform(steps), str(case / name))
        yield GoodFile(f"transform {name} of ITK", case, name, "transform")


def _images_for(kind: str, folder: Path) -> dict[str, Path]:
    image = folder / "regkit.nii" / "a.nii"
    return {"fixed": image, "moving": image} if kind == "lta" else {}


def _texts(folder: Path) -> Iterator[GoodFile]:
    from regkit import write_landmarks

    case = folder / "landmarks"
    case.mkdir()
    write_landmarks(POINTS, case / "a.csv")
    yield GoodFile("landmarks .csv", case, "a.csv", "landmarks")
    markups = {
        "@schema": "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/"
        "Markups/Resources/Schema/markups-schema-v1.0.3.json#",
        "markups": [
            {
                "type": "Fiducial",
                "coordinateSystem": "LPS",
                "controlPoints": [
                    {"label": f"F{n}", "position": point, "positionStatus": "defined"}
                    for n, point in enumerate(POINTS.tolist())
                ],
            }
        ],
    }
    case = folder / "markups"
    case.mkdir()
    (case / "a.mrk.json").write_text(json.dumps(markups, indent=1))
    yield GoodFile("landmarks .mrk.json", case, "a.mrk.json", "landmarks")
    case = folder / "table"
    case.mkdir()
    (case / "pairs.csv").write_text("id,fixed,moving\np1,a.nii,b.nii\np2,c.nii,d.nii\n")
    for name in "abcd":
        (case / f"{name}.nii").write_bytes((folder / "regkit.nii" / "a.nii").read_bytes())
    yield GoodFile("table of pairs", case, "pairs.csv", "table")
    case = folder / "dataset"
    case.mkdir()
    entries = [{"id": "p1", "fixed": "a.nii", "moving": "b.nii"}]
    (case / "dataset.json").write_text(json.dumps({"name": "d", "cases": entries}))
    for name in "ab":
        (case / f"{name}.nii").write_bytes((folder / "regkit.nii" / "a.nii").read_bytes())
    yield GoodFile("dataset.json", case, "", "dataset")


def _read_image(path: Path) -> list[Any]:
    from regkit import read_volume

    volume = read_volume(path)
    return [volume.array, volume.grid.affine.round(DECIMALS)]


def _read_transform(path: Path) -> list[Any]:
    from regkit import read_transform

    given = {"format": "warp"} if path.name.endswith(".nii.gz") else {}
    return [read_transform(path, **given).map_points(POINTS).round(DECIMALS)]


def _read_landmarks(path: Path) -> list[Any]:
    from regkit import read_landmarks

    return [read_landmarks(path).round(DECIMALS)]


def _read_table(path: Path) -> list[Any]:
    from regkit.batches.pair_table import read_pair_table

    return [str(read_pair_table(path))]


def _read_dataset(path: Path) -> list[Any]:
    from regkit.datasets.folder import read_dataset

    return [str(read_dataset(path).ids)]


READERS: dict[str, Callable[[Path], list[Any]]] = {
    "image": _read_image,
    "transform": _read_transform,
    "landmarks": _read_landmarks,
    "table": _read_table,
    "dataset": _read_dataset,
}


def digest(reader: str, path: Path) -> str:
    """Return a digest of what is read from a path."""
    found = hashlib.sha256()
    for part in READERS[reader](path):
        content = part if isinstance(part, str) else np.asarray(part + 0.0)
        found.update(content.encode() if isinstance(content, str) else content.tobytes())
    return found.hexdigest()
