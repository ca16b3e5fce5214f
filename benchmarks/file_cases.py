"""What regkit makes of small files with a known right answer, one line each.

    python benchmarks/file_cases.py [--cases ../shared/cases/files] [--out FILE.jsonl]
    python benchmarks/file_cases.py --table

The files were made after symptoms that users of other tools reported; README.md beside them says
what is odd about each, and the right answer. `found` is a value, with what regkit remarked, or an
error. One line per file goes to benchmarks/results/file_cases.jsonl. Exit code 1: one is wrong.
"""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import nibabel as nib
import numpy as np
import pydicom
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

import records
from regkit import read_transform, read_volume
from regkit.datasets.folder import read_dataset
from regkit.errors import RegkitError
from regkit.geometry.transform import IDENTITY

COLUMNS = ("group", "file", "right answer", "found", "")
# Map of fixed to moving points of all FLIRT files, RAS mm, as their README says.
TURN = Rotation.from_euler("xyz", [5.0, -8.0, 12.0], degrees=True).as_matrix()
SHIFT = np.array([4.0, -7.0, 9.0])
RAS_TO_LPS = np.array([-1.0, -1.0, 1.0])
# The matrices agree with nitransforms to 3e-7 mm; 1e-5 mm is what the project promises.
TOLERANCE_MM = 1e-5
# Of the SUV, whose right values have five digits.
SUV_TOLERANCE = 5e-5
F18_S, ZR89_S, Y90_S, RB82_S = 6586.2, 282276.0, 230601.6, 75.6
DAY_S, HOUR_S = 86400.0, 3600.0
# Seconds from injection to the reference time of the decay correction, and half-life.
SUV_FILES = {
    "suv_f18_1h": (HOUR_S, F18_S),
    "suv_Zr89_5d": (5 * DAY_S + HOUR_S, ZR89_S),
    "suv_Y90_1d": (DAY_S + HOUR_S, Y90_S),
    "suv_f18_phantom_27h": (27 * HOUR_S, F18_S),
    "suv_inj5s_after_series": (-5.0, F18_S),
    "suv_inj5s_after_series_clockonly": (-5.0, F18_S),
    "suv_rb82_inj30s_after": (-30.0, RB82_S),
    "suv_pet2bids367_before": (16.0, F18_S),
    "suv_tz": (HOUR_S, F18_S),
    "suv_midnight_dates": (HOUR_S, F18_S),
    "suv_midnight_nodates": (HOUR_S, F18_S),
}


@dataclass(frozen=True)
class FileCase:
    """A file, its right answer, and a function that returns what was found and if it is right."""

    group: str
    file: str
    right: str
    check: Callable[[], tuple[str, bool]]


class Remarks(logging.Handler):
    """The warnings of regkit while a block runs."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message."""
        self.lines.append(record.getMessage())

    @property
    def text(self) -> str:
        """All remarks."""
        return "; ".join(self.lines)

    def __enter__(self) -> Self:
        logging.getLogger("regkit").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("regkit").removeHandler(self)


def suv_cases(folder: Path) -> Iterator[FileCase]:
    for name, (elapsed_s, half_life_s) in SUV_FILES.items():
        right = 70e6 / (3.7e8 * 2 ** (-elapsed_s / half_life_s))
        remark = name == "suv_f18_phantom_27h"
        text = f"median {right:.5g}" + (", with a remark" if remark else "")

        def check(name: str = name, right: float = right, remark: bool = remark) -> Any:
            with Remarks() as remarks:
                median = float(np.median(read_volume(folder / name).array))
            equal = abs(median / right - 1) < SUV_TOLERANCE
            return f"median {median:.5g}", equal and bool(remarks.lines or not remark)

        yield FileCase("SUV", name, text, check)


def flirt_cases(folder: Path) -> Iterator[FileCase]:
    for pair in ("rad_rad", "rad_neu", "rad_shear", "shear_rad"):
        images = [folder / f"fsl_{pair}_{role}.nii.gz" for role in ("fixed", "moving")]
        matrix = folder / f"fsl_{pair}.mat"
        if matrix.exists():
            yield _map_case(matrix, images)
            yield FileCase(
                *("FLIRT", f"{matrix.name}, written", "the numbers of FLIRT's matrix"),
                lambda matrix=matrix, images=images: _written(matrix, images),
            )
    images = [folder / "fsl_rad_rad_fixed.nii.gz", folder / "fsl_rad_rad_moving.nii.gz"]
    yield _map_case(folder / "fsl_hex.mat", images)
    moving = folder / "fsl_dicom_moving.nii.gz"
    yield _map_case(folder / "fsl_dicom.mat", [folder / "fsl_dicom_fixed_dcm2niix.nii.gz", moving])
    yield FileCase(
        *("FLIRT", "fsl_dicom.mat with a DICOM folder", "refused, with what to do"),
        lambda: _refused(
            lambda: read_transform(
                folder / "fsl_dicom.mat",
                format="fsl",
                fixed=folder / "fsl_dicom_fixed",
                moving=moving,
            ),
            "NIfTI",
        ),
    )
    for name, form in (("greedy_affine.mat", "ras"), ("flirt_omat.txt", "fsl")):
        yield FileCase(
            *("text matrix", name, f"--from is asked for or the assumption said; right as {form}"),
            lambda name=name, form=form: _ambiguous(folder / name, form, images),
        )


def _map_case(matrix: Path, images: list[Path]) -> FileCase:
    def check() -> tuple[str, bool]:
        error = _error_mm(matrix, images, "fsl")
        return f"{error:.2g} mm off", error < TOLERANCE_MM

    return FileCase("FLIRT", matrix.name, "the map of their README", check)


def _error_mm(matrix: Path, images: list[Path], form: str | None) -> float:
    """Return the largest distance, over the fixed field of view, from the right map."""
    transform = read_transform(matrix, format=form, fixed=images[0], moving=images[1])
    points = read_volume(images[0]).grid.corners()
    right = RAS_TO_LPS * ((RAS_TO_LPS * points) @ TURN.T + SHIFT)
    return float(np.linalg.norm(transform.map_points(points) - right, axis=1).max())


def _written(matrix: Path, images: list[Path]) -> tuple[str, bool]:
    sides = ("--fixed", images[0], "--moving", images[1])
    with tempfile.TemporaryDirectory() as folder:
        middle, out = Path(folder) / "a.tfm", Path(folder) / "a.mat"
        regkit("transform", "convert", matrix, middle, "--from", "fsl", *sides)
        regkit("transform", "convert", middle, out, "--to", "fsl", *sides)
        difference = float(np.abs(np.loadtxt(out) - np.loadtxt(matrix)).max())
    return f"numbers differ by {difference:.2g}", difference < TOLERANCE_MM


def _ambiguous(matrix: Path, form: str, images: list[Path]) -> tuple[str, bool]:
    told = regkit("transform", "show", matrix, "--fixed", images[0], "--moving", images[1])
    error = _error_mm(matrix, images, form)
    said = "--from" in told.stderr
    words = one_line(told.stderr) or "no word"
    return f"{words}; as {form} {error:.2g} mm off", said and error < TOLERANCE_MM


def series_cases(folder: Path) -> Iterator[FileCase]:
    for name in ("trunc_last", "clip_header_last2"):
        yield FileCase(
            *("series", name, "an error that names the first file cut short"),
            lambda name=name: _refused(lambda: read_volume(folder / name), "006.dcm", "cut short"),
        )
    yield _shape_case("series", folder / "nopreamble_all", 8)
    for name in ("nm_2win_novec", "nm_2win"):
        yield FileCase(
            *("NM", f"{name}.dcm", "two windows: how to choose one; 8 slices each"),
            lambda name=name: _windows(folder / f"{name}.dcm"),
        )
    yield _shape_case("NM", folder / "nm_no_slicevector.dcm", 10)
    yield FileCase(
        *("NM", "nm_rwv.dcm", "2.5 times the stored values"),
        lambda: _scaled(folder / "nm_rwv.dcm", 2.5),
    )


def _shape_case(group: str, path: Path, slices: int) -> FileCase:
    def check() -> tuple[str, bool]:
        found = len(read_volume(path).array)
        return f"{found} slices", found == slices

    return FileCase(group, path.name, f"{slices} slices", check)


def _windows(path: Path) -> tuple[str, bool]:
    said, refused = _refused(lambda: read_volume(path), "--window")
    shapes = [read_volume(path, window=number).array.shape[0] for number in (1, 2)]
    return f"{said}; slices of the windows: {shapes}", refused and shapes == [8, 8]


def _scaled(path: Path, factor: float) -> tuple[str, bool]:
    stored = pydicom.dcmread(path).pixel_array.astype(float)
    found = float(np.sum(read_volume(path).array) / stored.sum())
    return f"{found:.4g} times", abs(found / factor - 1) < 1e-5


def geometry_cases(folder: Path) -> Iterator[FileCase]:
    yield FileCase(
        *("landmarks", "lm_dataset", "TRE of the identity is 0 in both cases"),
        lambda: _landmarks(folder / "lm_dataset"),
    )
    spacings = {"um": 0.002, "microns": 0.002, "mm": None}
    for unit, spacing in spacings.items():
        path = folder / f"n_units_{unit}.nrrd"
        right = spacing or float(sitk.ReadImage(str(path)).GetSpacing()[0])
        yield FileCase(
            *("unit", path.name, f"voxels of {right:g} mm"),
            lambda path=path, right=right: _spacing(path, right),
        )
    for name, words in {
        "sform2_q1_conflict.nii": ("sform", "qform", "50"),
        "n_nothing.nrrd": ("guess",),
        "m_nogeo.mha": ("guess",),
    }.items():
        yield FileCase(
            *("place", name, f"a warning: {', '.join(words)}"),
            lambda name=name, words=words: _warned(folder / name, words),
        )


def _landmarks(folder: Path) -> tuple[str, bool]:
    errors = {}
    for case in read_dataset(folder):
        fixed, moving = case.fixed_landmarks, case.moving_landmarks
        distances = np.linalg.norm(IDENTITY.map_points(fixed) - moving, axis=1)
        errors[case.id] = float(distances.mean())
    said = ", ".join(f"{name} {error:.3g} mm" for name, error in errors.items())
    return said, max(errors.values()) < TOLERANCE_MM


def _spacing(path: Path, right: float) -> tuple[str, bool]:
    found = read_volume(path).grid.spacing[0]
    return f"{found:g} mm", abs(found / right - 1) < 1e-6


def _warned(path: Path, words: tuple[str, ...]) -> tuple[str, bool]:
    with Remarks() as remarks:
        read_volume(path)
    return remarks.text or "no word", all(word in remarks.text for word in words)


def good_cases(folder: Path) -> Iterator[FileCase]:
    for name in ("qform_w2.nii", "units4.nii", "units7.nii", "inter_nan.nii", "dim4_0.nii"):
        yield FileCase(
            *("good file", name, "read, values as nibabel's bytes"),
            lambda name=name: _values_of_nifti(folder / name),
        )
    yield FileCase(
        *("good file", "rtdose.dcm", "8 planes, 3 mm apart, scaled by DoseGridScaling"),
        lambda: _dose(folder / "rtdose.dcm"),
    )
    yield FileCase(
        *("good file", "m_comment_first.mha", "read"),
        lambda: (str(read_volume(folder / "m_comment_first.mha")), True),
    )


def _values_of_nifti(path: Path) -> tuple[str, bool]:
    """Compare with the voxels at the end of the file, unscaled but for a finite slope."""
    header = nib.Nifti1Header(path.read_bytes()[:348], check=False)
    volume = read_volume(path)
    kind = header.get_data_dtype()
    size = volume.array.size
    stored = np.frombuffer(path.read_bytes()[int(header["vox_offset"]) :], kind, count=size)
    slope = float(header["scl_slope"])
    values = stored * (slope if np.isfinite(slope) and slope else 1.0)
    equal = np.allclose(volume.array.ravel(), values, rtol=1e-5)
    return f"{volume}, values {'equal' if equal else 'differ'}", bool(equal)


def _dose(path: Path) -> tuple[str, bool]:
    header, volume = pydicom.dcmread(path), read_volume(path)
    planes = [float(offset) for offset in header.GridFrameOffsetVector]
    apart = np.ptp(planes) / (len(planes) - 1)
    factor = float(volume.array.sum() / header.pixel_array.astype(float).sum())
    right = len(volume.array) == len(planes) and abs(volume.grid.spacing[2] - apart) < 1e-6
    scaled = abs(factor / float(header.DoseGridScaling) - 1) < 1e-5
    return f"{volume}, times {factor:.4g}", bool(right and scaled)


def named_cases(folder: Path) -> Iterator[FileCase]:
    kinds = {
        "i_1Warp.nii.gz": ("ANTs", "warp", "displacement"),
        "TransformParameters.0.txt": ("elastix",),
        "reg.dcm": ("registration",),
        "i_e.xfm": ("MNI",),
    }
    for name, words in kinds.items():
        yield FileCase(
            *("other file", name, f"as a transform: read, or named ({' or '.join(words)})"),
            lambda name=name, words=words: _named(lambda: read_transform(folder / name), words),
        )
        yield FileCase(
            *("other file", name, f"as an image: named ({' or '.join(words)})"),
            lambda name=name, words=words: _named(lambda: read_volume(folder / name), words),
        )


def _named(read: Callable[[], Any], words: tuple[str, ...]) -> tuple[str, bool]:
    try:
        return f"read: {one_line(str(read()))}", True
    except RegkitError as error:
        named = any(word.lower() in str(error).lower() for word in words)
        return f"refused: {error}", named and "damaged" not in str(error)


def _refused(read: Callable[[], Any], *words: str) -> tuple[str, bool]:
    """Return an error, and whether it has all these words."""
    try:
        return f"read: {one_line(str(read()))}", False
    except RegkitError as error:
        return f"refused: {error}", all(word in str(error) for word in words)


def regkit(*words: object) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    command = [sys.executable, "-m", "regkit", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def one_line(text: str) -> str:
    return " ".join(text.split())


def cases(folder: Path) -> Iterator[FileCase]:
    """Return all cases of a folder."""
    for group in (suv_cases, flirt_cases, series_cases, geometry_cases, good_cases, named_cases):
        yield from group(folder)


def outcome(case: FileCase, folder: Path) -> dict[str, Any]:
    """Return the line of a case; an exception of any kind is wrong."""
    with Remarks() as remarks:
        try:
            found, right = case.check()
        except Exception as error:
            found, right = f"{type(error).__name__}: {error}", False
    said = [line for line in remarks.lines if line not in found]
    found = "; ".join([found, *(f"remark: {line}" for line in said)])
    return {
        "group": case.group,
        "file": case.file,
        "right_answer": case.right,
        "found": one_line(found).replace(f"{folder}/", ""),
        "right": bool(right),
    }


def table(found: list[dict[str, Any]]) -> str:
    """Lay out the lines."""
    rows = (
        (
            *(record["group"], record["file"], record["right_answer"]),
            record["found"].replace("|", "\\|"),
            "right" if record["right"] else "WRONG",
        )
        for record in found
    )
    right = sum(record["right"] for record in found)
    return f"{records.markdown(COLUMNS, rows)}\n\n{right} of {len(found)} right"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=Path, default=Path("../shared/cases/files"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/file_cases.jsonl"))
    parser.add_argument("--table", action="store_true", help="print the table of the file only")
    options = parser.parse_args()
    if not options.table:
        logging.getLogger("regkit").propagate = False
        options.out.unlink(missing_ok=True)
        for case in cases(options.cases):
            records.append(options.out, outcome(case, options.cases))
    found = records.read(options.out)
    print(table(found))
    sys.exit(not all(record["right"] for record in found))


if __name__ == "__main__":
    main()
