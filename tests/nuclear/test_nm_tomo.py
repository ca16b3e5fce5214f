"""Projections of a camera in DICOM: a point source is reconstructed where it was.

The files are written from the definitions of the standard, without any code of regkit.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nm_tomograms import Tomogram, tracer
from regkit.errors import FileFormatError
from regkit.geometry.grid import Grid
from regkit.geometry.volume import Volume
from regkit_nuclear.spect.nm_tomo import read_nm_projections
from regkit_nuclear.spect.osem import reconstruct
from regkit_nuclear.spect.projection_file import read_projection_file

pytestmark = pytest.mark.simulation


def centroid_mm(image: Volume) -> np.ndarray:
    """Return the centre of mass of what is brighter than a tenth of the maximum, LPS mm."""
    weights = np.where(image.array > 0.1 * image.array.max(), image.array, 0.0)
    indices = np.argwhere(weights > 0)
    points = image.grid.to_physical(indices)
    return np.asarray(np.average(points, axis=0, weights=weights[weights > 0]))


def located(tomogram: Tomogram, path: Path, **options: Any) -> np.ndarray:
    projections = read_nm_projections(tomogram.write(path / "tomo.dcm"), **options)
    return centroid_mm(reconstruct(projections, subsets=4, iterations=6))


ORBITS = {
    "one detector, clockwise": Tomogram(),
    "one detector, counter-clockwise": Tomogram(sense="CC", starts=(45.0,)),
    "all around from the left": Tomogram(sense="CC", starts=(90.0,), angular_step=18.0),
    "two detectors at 90 degrees, CW": Tomogram(starts=(225.0, 135.0), views=10),
    "two detectors at 90 degrees, CC": Tomogram(starts=(30.0, 120.0), views=10, sense="CC"),
    "two detectors that face each other": Tomogram(starts=(200.0, 20.0), views=20),
    "views numbered through, one start": Tomogram(
        starts=(225.0, 135.0), views=10, own_starts=False
    ),
    "an orbit that follows the body": Tomogram(radii=[180.0 + 2 * n for n in range(20)]),
}


@pytest.mark.parametrize("tomogram", ORBITS.values(), ids=ORBITS)
def test_a_point_is_where_it_was(tomogram: Tomogram, tmp_path: Path) -> None:
    np.testing.assert_allclose(located(tomogram, tmp_path), tomogram.point, atol=1.0)


@pytest.mark.parametrize("sense", ["CW", "CC"])
def test_a_prone_patient_is_seen_as_a_supine_one(sense: str, tmp_path: Path) -> None:
    # The camera sees a patient who is turned by 180 degrees about the long axis. DICOM's angles
    # are about the patient: the back is where the front was, so that each is 180 degrees more.
    x, y, z = Tomogram.point
    seen = Tomogram(
        point=(-x, -y, z),
        sense=sense,
        detector={"StartAngle": 225.0 - 180.0},
        attributes={"PatientPosition": "HFP"},
    )
    np.testing.assert_allclose(located(seen, tmp_path), (x, y, z), atol=1.0)
    remarks = read_nm_projections(tmp_path / "tomo.dcm").remarks
    assert any("the patient lay prone: angles are taken as DICOM" in told for told in remarks)


def test_counts_are_rescaled(tmp_path: Path) -> None:
    stored = read_nm_projections(Tomogram(gates=2).write(tmp_path / "stored")).counts
    attributes = {"RescaleSlope": "0.5", "RescaleIntercept": "3"}
    file = Tomogram(gates=2, attributes=attributes).write(tmp_path / "scaled")
    np.testing.assert_allclose(read_nm_projections(file).counts, 0.5 * stored + 2 * 3)


FORTH_AND_BACK = (
    {"StartAngle": 225.0, "RotationDirection": "CW", "TableTraverse": 80.0},
    {"StartAngle": 54.0, "RotationDirection": "CC", "TableTraverse": 80.2},
)


def test_rotations_forth_and_back_are_used_together(tmp_path: Path) -> None:
    tomogram = Tomogram(turns=FORTH_AND_BACK)
    both = read_nm_projections(tomogram.write(tmp_path / "tomo.dcm"))
    np.testing.assert_allclose(both.orbit.angles_deg, np.repeat(-45 + 9.0 * np.arange(20), 2))
    assert any("2 rotations are used together" in remark for remark in both.remarks)
    found = centroid_mm(reconstruct(both, subsets=4, iterations=6))
    np.testing.assert_allclose(found, tomogram.point, atol=1.0)


def test_one_of_several_rotations_can_be_chosen(tmp_path: Path) -> None:
    file = Tomogram(turns=({"TableTraverse": 0.0}, {"TableTraverse": 400.0})).write(tmp_path / "t")
    second = read_nm_projections(file, rotation=2)
    assert second.orbit == read_nm_projections(Tomogram().write(tmp_path / "one")).orbit
    with pytest.raises(FileFormatError, match="has no rotation 3, only 1 to 2"):
        read_nm_projections(file, rotation=3)


def test_the_gates_of_a_view_are_summed(tmp_path: Path) -> None:
    gated = read_nm_projections(Tomogram(gates=8).write(tmp_path / "gated"))
    summed = read_nm_projections(Tomogram().write(tmp_path / "tomo"))
    assert gated.orbit == summed.orbit
    # Each gate is rounded to whole counts.
    np.testing.assert_allclose(gated.counts, summed.counts, atol=8 / 2 + 0.5)
    assert any("the 8 gates of each view are summed" in remark for remark in gated.remarks)


@pytest.mark.parametrize(
    ("names", "windows", "kev", "source"),
    [
        ((), 1, 140.5, "the middle of the energy window"),
        (("^99m^Technetium",), 1, 140.5, "that of Tc-99m, which the header names"),
        (("Thallium-201",), 3, 71.0, "that of Tl-201, which the header names"),
        (
            ("^123^Iodine",),
            1,
            140.5,
            "the middle of the energy window, which holds no photon of I-123",
        ),
    ],
)
def test_the_tracer_chooses_window_and_energy(
    names: tuple[str, ...], windows: int, kev: float, source: str, tmp_path: Path
) -> None:
    attributes = {"RadiopharmaceuticalInformationSequence": tracer(*names)} if names else {}
    read = read_nm_projections(
        Tomogram(windows=windows, attributes=attributes).write(tmp_path / "tomo.dcm")
    )
    assert (read.energy.kev, read.energy.source) == (kev, source)
    # The photopeak of technetium has ten times the counts of the other windows.
    assert read.counts.max() == pytest.approx(40 if kev == 71 else 400, rel=0.05)


def test_windows_of_two_tracers_have_to_be_chosen(tmp_path: Path) -> None:
    both = {"RadiopharmaceuticalInformationSequence": tracer("Tl-201", "Tc-99m")}
    file = Tomogram(windows=3, attributes=both).write(tmp_path / "tomo.dcm")
    with pytest.raises(FileFormatError, match=r"2 windows that hold 71 or 140.5 keV; .* --peak"):
        read_nm_projections(file)
    assert read_nm_projections(file, window=3).energy.kev == 71


def test_a_wrong_direction_would_be_seen(tmp_path: Path) -> None:
    """The file says CC, but its frames were taken clockwise."""
    tomogram = Tomogram(rotation={"RotationDirection": "CC"})
    assert np.linalg.norm(located(tomogram, tmp_path) - tomogram.point) > 20


def test_angles_and_radii_are_those_of_each_view(tmp_path: Path) -> None:
    radii = [180.0 + 2 * n for n in range(20)]
    projections = read_nm_projections(Tomogram(radii=radii).write(tmp_path / "tomo.dcm"))
    # From right anterior oblique, 45 degrees before the front, over the left.
    np.testing.assert_allclose(projections.orbit.angles_deg, -45 + 9.0 * np.arange(20))
    np.testing.assert_allclose(projections.orbit.radii_mm, radii)
    assert projections.grid.spacing == (6.0, 6.0, 7.0)


AXIAL, CORONAL = (1.0, 0, 0, 0, 1, 0), (1.0, 0, 0, 0, 0, -1)


@pytest.mark.parametrize(
    ("orientation", "position", "offset"),
    [
        (AXIAL, (7.0, -180.0, 400.0), (100.0, -87.0, 319.5)),
        (CORONAL, (7.0, -180.0, 400.0), (100.0, -180.0, 319.5)),
    ],
)
def test_the_position_in_the_header_is_told(
    orientation: tuple[float, ...],
    position: tuple[float, float, float],
    offset: tuple[float, ...],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tomogram = Tomogram(position=position, orientation=orientation)
    with caplog.at_level(logging.WARNING):
        found = located(tomogram, tmp_path)
    np.testing.assert_allclose(found, np.add(tomogram.point, offset), atol=1.0)
    assert "the position of the projections is taken for that of" in caplog.text


def test_a_reconstructed_image_gives_the_place(tmp_path: Path) -> None:
    grid = Grid((24, 32, 32), (6.0, 6.0, 7.0), (-93.0, 107.0, 319.5))
    tomogram = Tomogram(position=(7.0, -180.0, 400.0))
    found = located(tomogram, tmp_path, reconstructed=grid)
    np.testing.assert_allclose(found, np.add(tomogram.point, grid.centre), atol=1.0)


def test_scatter_comes_from_the_window_below_the_photopeak(tmp_path: Path) -> None:
    projections = read_nm_projections(Tomogram(windows=2).write(tmp_path / "tomo.dcm"))
    # A tenth of the counts in 18 keV; half of their density times 28.1 keV are in the photopeak.
    expected = 0.1 * projections.counts.sum() / 18.0 * 28.1 / 2
    assert projections.scatter.sum() == pytest.approx(expected, rel=0.02)
    assert any("triple-energy-window" in remark for remark in projections.remarks)


def test_without_such_a_window_scatter_is_not_corrected(tmp_path: Path) -> None:
    projections = read_nm_projections(Tomogram().write(tmp_path / "tomo.dcm"))
    assert not projections.scatter.any()
    assert any("scatter is not corrected" in remark for remark in projections.remarks)


def test_another_window_can_be_the_photopeak(tmp_path: Path) -> None:
    file = Tomogram(windows=2).write(tmp_path / "tomo.dcm")
    ratio = (
        read_nm_projections(file).counts.max() / read_nm_projections(file, window=2).counts.max()
    )
    assert ratio == pytest.approx(10, rel=0.02)


REFUSED: dict[str, tuple[Tomogram, str]] = {
    "reconstructed": (
        Tomogram(attributes={"ImageType": ["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"]}),
        r"RECON TOMO\\EMISSION, not tomographic projections",
    ),
    "gated without views": (
        Tomogram(gates=2, attributes={"AngularViewVector": None}),
        "is gated and lacks AngularViewVector",
    ),
    "one view twice": (
        Tomogram(attributes={"AngularViewVector": [1, *range(1, 20)]}),
        "1 frames show one view, and 2 another",
    ),
    "rotations of beds that are not told": (
        Tomogram(turns=({}, {})),
        "does not tell whether the table moved .* --rotation",
    ),
    "rotations of two beds": (
        Tomogram(turns=({"TableTraverse": 100.0}, {"TableTraverse": 300.0})),
        r"\(TableTraverse 100, 300 mm\); choose one with --rotation",
    ),
    "rotations of two durations": (
        Tomogram(turns=[{"TableTraverse": 1.0, "ActualFrameDuration": d} for d in (20000, 25000)]),
        "whose views took 20000, 25000 ms",
    ),
    "not NM": (Tomogram(attributes={"Modality": "PT"}), "not tomographic projections"),
    "on the side": (Tomogram(attributes={"PatientPosition": "HFDL"}), "who is on the side"),
    "one pixel spacing": (
        Tomogram(attributes={"PixelSpacing": 6.0}),
        r"PixelSpacing of '6.0'; it needs two numbers",
    ),
    "counts below 0": (
        Tomogram(attributes={"RescaleSlope": 1, "RescaleIntercept": -2}),
        "has counts below 0, with a RescaleSlope of 1 and a RescaleIntercept of -2",
    ),
    "no direction": (
        Tomogram(rotation={"RotationDirection": ""}),
        "has RotationDirection '', not CW or CC",
    ),
    "no step": (Tomogram(rotation={"AngularStep": None}), "AngularStep .* is missing"),
    "no radius": (Tomogram(radii=()), "lacks RadialPosition .* --radius MM"),
    "radius in cm": (Tomogram(radii=22.0), "no distance of a gamma camera"),
    "too few radii": (Tomogram(radii=[200.0, 201.0]), "2 values of RadialPosition"),
    "pinhole": (Tomogram(detector={"CollimatorType": "PINH"}), "of type PINH"),
    "off-centre": (Tomogram(detector={"CenterOfRotationOffset": 4.0}), "of 4 mm"),
    "tilted": (Tomogram(detector={"GantryDetectorTilt": 5.0}), "tilted detectors"),
    "two at one angle": (Tomogram(starts=(225.0, 225.0)), "two frames .* at"),
    "oblique": (
        Tomogram(position=(0, 0, 0), orientation=(0.0, 1.0, 0.0, 0.0, 0.0, -1.0)),
        "neither axial nor coronal",
    ),
    "no frame of the window": (
        Tomogram(attributes={"EnergyWindowVector": [2] * 20}),
        "has no frames of energy window 1",
    ),
    "rotation 0": (
        Tomogram(attributes={"RotationVector": [0] * 20}),
        "RotationVector counts from 0 to 0, and 1 rotations",
    ),
    "vector too short": (
        Tomogram(attributes={"DetectorVector": [1, 1]}),
        "DetectorVector has 2 values for 20 frames",
    ),
}


@pytest.mark.parametrize(("tomogram", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_understood_is_refused(
    tomogram: Tomogram, reason: str, tmp_path: Path
) -> None:
    file = tomogram.write(tmp_path / "tomo.dcm")
    with pytest.raises(FileFormatError, match=reason) as caught:
        read_nm_projections(file)
    assert str(caught.value).startswith(str(file))
    assert "\n" not in str(caught.value)


def test_two_detectors_need_two_starts(tmp_path: Path) -> None:
    tomogram = Tomogram(starts=(225.0, 135.0), views=10)
    tomogram._detector = lambda _: Tomogram(own_starts=False)._detector(0)  # type: ignore[method-assign]  # noqa: SLF001
    with pytest.raises(FileFormatError, match="several detectors and one start angle"):
        read_nm_projections(tomogram.write(tmp_path / "tomo.dcm"))


def test_a_missing_radius_can_be_given(tmp_path: Path) -> None:
    file = Tomogram(radii=()).write(tmp_path / "tomo.dcm")
    assert read_nm_projections(file, radius_mm=210.0).orbit.radius_mm == 210.0


def test_the_kind_of_file_is_found_by_its_content(tmp_path: Path) -> None:
    folder = tmp_path / "series"
    folder.mkdir()
    file = Tomogram().write(folder / "1")
    read = read_projection_file(folder)
    assert read.counts.shape == (20, 24, 32)
    read.write(tmp_path / "copy.npz")
    again = read_projection_file(tmp_path / "copy.npz")
    np.testing.assert_array_equal(again.counts, read.counts)
    assert again.orbit == read.orbit
    assert again.energy == read.energy
    with pytest.raises(FileFormatError, match="--peak, --rotation, --radius and --onto are"):
        read_projection_file(tmp_path / "copy.npz", window=1)
    with pytest.raises(FileFormatError, match="cannot be read: No such file"):
        read_projection_file(tmp_path / "missing.npz")
    (folder / "2").write_bytes(file.read_bytes())
    with pytest.raises(FileFormatError, match="holds 2 files"):
        read_projection_file(folder)
