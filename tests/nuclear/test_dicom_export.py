"""Simulated scans as DICOM, opened by regkit, SimpleITK and pydicom."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from dciodvfy import assert_conformant
from regkit import read_volume
from regkit.datasets.case import Case
from regkit.errors import FileFormatError
from regkit.geometry.grid import Grid
from regkit.geometry.rotation import rotation_matrix
from regkit.geometry.sitk_bridge import grid_from_sitk
from regkit.geometry.volume import Volume
from regkit.registrar import Pair
from regkit_nuclear.dicom_export import write_image
from regkit_nuclear.phantoms.thorax.anatomy import attenuation, hounsfield
from regkit_nuclear.spect.geometry import Orbit
from regkit_nuclear.spect.nm_tomo import read_nm_projections
from regkit_nuclear.spect.nm_writer import write_nm_projections
from regkit_nuclear.spect.projections import Projections

pytestmark = pytest.mark.simulation

SHAPE = (6, 8, 7)
UPRIGHT = Grid(SHAPE, (6.8, 6.7, 4.1), (-30.1, -22.3, -40.7))
OBLIQUE = Grid(
    SHAPE, (2.5, 2.5, 3.1), (11.0, -7.0, 5.0), tuple(rotation_matrix((10, -20, 30)).ravel())
)
FLIPPED = Grid(SHAPE, (2.5, 2.0, 3.0), (11.0, -7.0, 5.0), (1, 0, 0, 0, 1, 0, 0, 0, -1))
LARGEST = {"spect": 13.3, "pet": 21.0, "mr": 900.0, "mu": 0.25, "ct": 2000.0}


def volume(modality: str, grid: Grid = UPRIGHT) -> Volume:
    values = np.random.default_rng(1).random(SHAPE) * LARGEST[modality]
    return Volume(values - (1000 if modality == "ct" else 0), grid, modality)


def case_of(image: Volume, fixed: Volume | None = None) -> Case:
    pair = Pair(fixed or image, image)
    return Case("p0001-a", pair, group="p0001", extra={"patient": 5})


def written(image: Volume, folder: Path) -> Path:
    name, modality = write_image(image, folder / "scan", case_of(image))
    assert read_volume(folder / name).modality == modality
    return folder / name


@pytest.mark.parametrize(
    "grid", [UPRIGHT, OBLIQUE, FLIPPED], ids=["upright", "oblique", "flipped"]
)
@pytest.mark.parametrize("modality", ["spect", "ct", "pet", "mr"])
def test_regkit_reads_the_values_at_their_places(modality, grid, tmp_path):
    image = volume(modality, grid)
    read = read_volume(written(image, tmp_path))
    step = 0.5 if modality == "ct" else LARGEST[modality] / 65535
    points = grid.to_physical(np.argwhere(np.ones(SHAPE)))
    index = np.rint(read.grid.to_index(points)).astype(int)
    np.testing.assert_allclose(read.grid.to_physical(index), points, atol=1e-3)
    np.testing.assert_allclose(
        read.array[tuple(index.T)], image.array.ravel(), rtol=0, atol=1.01 * step
    )


@pytest.mark.parametrize("modality", ["ct", "pet", "mr"])
def test_simpleitk_reads_a_series(modality, tmp_path):
    image = volume(modality, OBLIQUE)
    folder = written(image, tmp_path)
    reader = sitk.ImageSeriesReader()
    (series,) = reader.GetGDCMSeriesIDs(str(folder))
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder), series))
    read = reader.Execute()
    assert grid_from_sitk(read).matches(OBLIQUE)
    step = 0.51 if modality == "ct" else 1.01 * LARGEST[modality] / 65535
    np.testing.assert_allclose(sitk.GetArrayFromImage(read), image.array, rtol=0, atol=step)


@pytest.mark.parametrize("grid", [UPRIGHT, OBLIQUE], ids=["upright", "oblique"])
def test_simpleitk_reads_a_tomogram(grid, tmp_path):
    image = volume("spect", grid)
    read = sitk.ReadImage(str(written(image, tmp_path)))
    assert grid_from_sitk(read).matches(grid)
    np.testing.assert_allclose(
        sitk.GetArrayFromImage(read), image.array, rtol=0, atol=LARGEST["spect"] / 65535
    )


def test_pydicom_finds_what_the_standard_asks_of_a_tomogram(tmp_path):
    header = pydicom.dcmread(written(volume("spect"), tmp_path))
    assert header.SOPClassUID.name == "Nuclear Medicine Image Storage"
    assert list(header.ImageType)[2] == "RECON TOMO"
    assert list(header.SliceVector) == list(range(1, SHAPE[0] + 1))
    assert header.FrameIncrementPointer == 0x00540080
    assert header.SpacingBetweenSlices == pytest.approx(4.1)
    detector = header.DetectorInformationSequence[0]
    assert list(detector.ImagePositionPatient) == pytest.approx(UPRIGHT.origin)
    assert "ImagePositionPatient" not in header
    assert (header.PatientName, header.NumberOfFrames) == ("Simulated^p0001", SHAPE[0])


def test_a_tomogram_against_its_normal_is_stored_along_it(tmp_path):
    """GDCM ignores a negative spacing between slices."""
    image = volume("spect", FLIPPED)
    file = written(image, tmp_path)
    assert pydicom.dcmread(file).SpacingBetweenSlices == pytest.approx(3.0)
    read = sitk.ReadImage(str(file))
    first = FLIPPED.to_physical((SHAPE[0] - 1, 0, 0))
    assert read.GetOrigin() == pytest.approx(tuple(first))
    np.testing.assert_allclose(
        sitk.GetArrayFromImage(read)[::-1], image.array, rtol=0, atol=LARGEST["spect"] / 65535
    )


def projections_of(grid: Grid, orbit: Orbit) -> Projections:
    slices, _, bins = grid.shape_zyx
    shape = (len(orbit.angles_deg), slices, bins)
    counts = np.random.default_rng(2).integers(0, 60, shape).astype(np.float32)
    return Projections(counts, np.full(shape, 7.8, np.float32), grid, orbit)


@pytest.mark.parametrize(
    "orbit", [Orbit.cardiac(12), Orbit((90.0, 60.0, 30.0, 0.0), (200.0, 210.0, 220.0, 230.0))]
)
def test_projections_are_those_of_a_camera(orbit, tmp_path):
    grid = Grid((5, 6, 6), (6.8, 6.8, 6.8), (-30.1, -22.3, -40.7))
    spect = Volume(np.ones(grid.shape_zyx), grid, "spect")
    simulated = projections_of(grid, orbit)
    case = replace(case_of(spect), extra={"patient": 5, "projections": simulated})
    write_image(spect, tmp_path / "fixed", case)
    file = tmp_path / "projections.dcm"
    read = read_nm_projections(file)
    order = np.argsort(orbit.angles_deg)
    np.testing.assert_array_equal(read.counts, simulated.counts[order])
    np.testing.assert_allclose(read.scatter, 7.8, rtol=0.05)  # whole counts beside the photopeak
    np.testing.assert_allclose(read.orbit.angles_deg, np.sort(orbit.angles_deg), atol=1e-6)
    np.testing.assert_allclose(read.orbit.radii_mm, np.array(orbit.radii_mm)[order])
    assert read.grid.matches(grid)
    assert str(read.energy) == "140.5 keV, that of Tc-99m, which the header names"
    one, other = pydicom.dcmread(file), pydicom.dcmread(tmp_path / "fixed.dcm")
    assert one.StudyInstanceUID == other.StudyInstanceUID
    assert one.SeriesInstanceUID != other.SeriesInstanceUID
    assert_conformant(file)


def test_projections_that_dicom_cannot_describe_are_refused(tmp_path):
    grid = Grid((5, 6, 6), (6.8, 6.8, 6.8), (0.0, 0.0, 0.0))
    uneven = projections_of(grid, Orbit((0.0, 10.0, 30.0)))
    with pytest.raises(FileFormatError, match="equal angular steps"):
        write_nm_projections(uneven, pydicom.Dataset(), tmp_path / "a.dcm")
    many = replace(uneven, counts=1e5 * np.ones((3, 5, 6)), orbit=Orbit((0.0, 10.0, 20.0)))
    with pytest.raises(FileFormatError, match="cannot hold 100000 counts"):
        write_nm_projections(many, pydicom.Dataset(), tmp_path / "a.dcm")


def test_scans_of_a_patient_share_study_and_room_but_not_series(tmp_path):
    headers = []
    fixed = volume("spect")
    for role, modality in (("fixed", "spect"), ("moving", "ct"), ("again", "ct")):
        image = volume(modality)
        name, _ = write_image(image, tmp_path / role, case_of(image, fixed))
        file = tmp_path / name
        headers.append(pydicom.dcmread(file if file.is_file() else file / "0001.dcm"))
    assert len({h.StudyInstanceUID for h in headers}) == 1
    assert len({h.FrameOfReferenceUID for h in headers}) == 1
    assert len({h.SeriesInstanceUID for h in headers}) == 3
    assert len({h.SOPInstanceUID for h in headers}) == 3


def test_archives_do_not_take_patients_of_two_cohorts_for_one(tmp_path):
    """Every cohort has a patient p0001, drawn from the same seed; options change the scans."""
    headers = []
    for place, modality in zip(_made(tmp_path), ("spect", "pet"), strict=True):
        file = written(volume(modality), tmp_path / place)
        headers.append(pydicom.dcmread(file if file.is_file() else file / "0001.dcm"))
    for name in ("PatientID", "StudyInstanceUID", "FrameOfReferenceUID", "SeriesInstanceUID"):
        assert headers[0][name].value != headers[1][name].value
    image = volume("ct")
    noisier = image.with_array(image.array + 1)
    for place, scan in (("c", image), ("d", noisier)):
        write_image(scan, tmp_path / place, case_of(image))
    one, two = (pydicom.dcmread(tmp_path / place / "0001.dcm") for place in ("c", "d"))
    assert one.PatientID == two.PatientID
    assert one.StudyInstanceUID == two.StudyInstanceUID
    assert one.SOPInstanceUID != two.SOPInstanceUID


def test_the_same_scan_gives_the_same_bytes(tmp_path):
    one, two = (written(volume("spect"), tmp_path / place) for place in _made(tmp_path))
    assert one.read_bytes() == two.read_bytes()


def test_a_mu_map_becomes_the_ct_it_comes_from(tmp_path):
    image = volume("mu")
    read = read_volume(written(image, tmp_path))
    assert read.modality == "ct"
    np.testing.assert_allclose(read.array, hounsfield(image.array), atol=0.51)
    np.testing.assert_allclose(attenuation(read.array), image.array, atol=1e-4)


@pytest.mark.parametrize("level", [0.0, 7.0])
def test_an_image_of_one_value(level, tmp_path):
    image = Volume(np.full(SHAPE, level), UPRIGHT, "spect")
    np.testing.assert_allclose(read_volume(written(image, tmp_path)).array, level, atol=1e-4)


@pytest.mark.parametrize("modality", ["us", ""])
def test_what_dicom_has_no_volume_for_is_refused(modality, tmp_path):
    image = Volume(np.ones(SHAPE), UPRIGHT, modality)
    with pytest.raises(FileFormatError, match="cannot be written as DICOM; use nifti"):
        write_image(image, tmp_path / "scan", case_of(image))
    assert not list(tmp_path.iterdir())


def _made(folder: Path) -> list[str]:
    for name in ("a", "b"):
        (folder / name).mkdir()
    return ["a", "b"]
