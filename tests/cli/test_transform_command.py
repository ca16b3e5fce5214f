"""`regkit transform` explains, converts, inverts and composes files."""

import hashlib
import json
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from nitransforms.io.fsl import FSLLinearTransform
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from nifti_scenes import write_nifti_of_kind
from regkit import DisplacementField, Grid, Volume, read_transform, rigid, write_transform
from regkit.io import read_volume, write_volume

A = rigid((10, 0, 0), (1, 2, 3))
B = rigid((0, 20, 0), (-4, 0, 5))
POINT = (11.0, -7.0, 5.0)


@pytest.fixture
def files(tmp_path):
    """Write A and B and two images; return their folder."""
    write_transform(A, tmp_path / "a.tfm")
    write_transform(B, tmp_path / "b.h5")
    oblique = Grid((5, 6, 7), (1, 2, 3), (4, 5, 6), (0.6, -0.8, 0, 0.8, 0.6, 0, 0, 0, 1))
    write_volume(Volume(np.ones((5, 6, 7)), oblique), tmp_path / "fixed.nii.gz")
    write_volume(Volume(np.ones((8, 8, 8)), Grid((8, 8, 8))), tmp_path / "moving.nii.gz")
    return tmp_path


def simpleitk_maps(path, point):
    return np.array(sitk.ReadTransform(str(path)).TransformPoint(point))


def test_show_explains(run, files):
    result = run("transform", "show", files / "a.tfm", "--fixed", files / "fixed.nii.gz")
    assert result.exit_code == 0
    assert "points of the FIXED image -> points of the MOVING image" in result.stdout
    said = " ".join(result.stdout.split())
    assert "about the left-right axis: posterior towards superior" in said


def test_show_gives_json(run, files):
    images = ("--fixed", files / "fixed.nii.gz", "--moving", files / "moving.nii.gz")
    result = run("transform", "show", files / "a.tfm", *images, "--json")
    shown = json.loads(result.stdout)
    assert shown["file"] == str(files / "a.tfm")
    assert shown["model"] == "rigid"
    assert shown["rotation_deg"] == pytest.approx(10)
    np.testing.assert_allclose(shown["matrices"]["lps"]["matrix"], A.matrix, atol=1e-12)
    assert all(form["matrix"] for form in shown["matrices"].values())


def test_show_is_whole_when_it_is_not_a_terminal(files):
    """Nothing is cut or coloured in a pipe, however narrow the terminal."""
    start = (sys.executable, "-c", "from regkit.__main__ import main; main()")
    result = subprocess.run(
        [*start, "transform", "show", str(files / "a.tfm")],
        capture_output=True,
        text=True,
        check=True,
        env={"COLUMNS": "20", "PATH": ""},
    )
    assert "FIXED -> MOVING, LPS mm   (ITK, SimpleITK, ANTs, elastix)" in result.stdout
    assert "\x1b" not in result.stdout
    assert "…" not in result.stdout


@pytest.mark.parametrize(
    ("out", "form"),
    [("t.txt", None), ("t.lta", None), ("t.json", None), ("t.mat", "ants"), ("t.mat", "fsl")],
)
def test_convert_keeps_the_map(run, files, out, form):
    images = ("--fixed", files / "fixed.nii.gz", "--moving", files / "moving.nii.gz")
    chosen = () if form is None else ("--to", form)
    result = run("transform", "convert", files / "a.tfm", files / out, *chosen, *images)
    assert result.exit_code == 0, result.output
    back = run("transform", "convert", files / out, files / "back.tfm", *images)
    assert back.exit_code == 0, back.output
    np.testing.assert_allclose(
        simpleitk_maps(files / "back.tfm", POINT), A.map_points(POINT), atol=1e-5
    )


def test_convert_reads_the_format_given(run, files):
    np.savetxt(files / "greedy.mat", np.diag([1.0, 1, 1, 1]) + np.eye(4, k=3) * 5)
    result = run("transform", "convert", files / "greedy.mat", files / "t.tfm", "--from", "ras")
    assert result.exit_code == 0, result.output
    np.testing.assert_allclose(simpleitk_maps(files / "t.tfm", (0.0, 0.0, 0.0)), (-5, 0, 0))


def test_invert_undoes(run, files):
    result = run("transform", "invert", files / "a.tfm", files / "i.tfm")
    assert result.exit_code == 0
    there = simpleitk_maps(files / "a.tfm", POINT)
    np.testing.assert_allclose(simpleitk_maps(files / "i.tfm", there.tolist()), POINT, atol=1e-9)


def test_an_inverted_fsl_matrix_belongs_to_swapped_images(run, files):
    images = ("--fixed", files / "fixed.nii.gz", "--moving", files / "moving.nii.gz")
    run("transform", "convert", files / "a.tfm", files / "a.mat", "--to", "fsl", *images)
    result = run("transform", "invert", files / "a.mat", files / "i.mat", "--to", "fsl", *images)
    assert result.exit_code == 0, result.output
    product = np.loadtxt(files / "a.mat") @ np.loadtxt(files / "i.mat")
    np.testing.assert_allclose(product, np.eye(4), atol=1e-6)


def test_compose_maps_a_first(run, files):
    result = run("transform", "compose", files / "a.tfm", files / "b.h5", files / "ba.tfm")
    assert result.exit_code == 0
    assert "first A =" in result.stdout
    expected = simpleitk_maps(files / "b.h5", simpleitk_maps(files / "a.tfm", POINT).tolist())
    np.testing.assert_allclose(simpleitk_maps(files / "ba.tfm", POINT), expected, atol=1e-9)
    assert not np.allclose(expected, A.map_points(B.map_points(POINT)))


def test_fsl_matrices_are_composed_through_the_middle_image(run, files):
    grids = {"--fixed": "fixed.nii.gz", "--middle": "middle.nii.gz", "--moving": "moving.nii.gz"}
    write_volume(
        Volume(np.ones((9, 9, 4)), Grid((9, 9, 4), (2, 2, 5), (1, 2, 3))), files / "middle.nii.gz"
    )
    fixed, middle, moving = (read_volume(files / name).grid for name in grids.values())
    write_transform(A, files / "a.mat", format="fsl", fixed=fixed, moving=middle)
    write_transform(B, files / "b.mat", format="fsl", fixed=middle, moving=moving)
    images = [word for option, name in grids.items() for word in (option, files / name)]
    names = [files / name for name in ("a.mat", "b.mat", "ba.tfm")]
    result = run("transform", "compose", *names, *images)
    assert result.exit_code == 0, result.stderr
    expected = simpleitk_maps(files / "b.h5", simpleitk_maps(files / "a.tfm", POINT).tolist())
    np.testing.assert_allclose(simpleitk_maps(files / "ba.tfm", POINT), expected, atol=1e-9)
    result = run("transform", "compose", *names, *images[:2], *images[4:])
    assert result.exit_code == 1
    assert "to compose also --middle" in result.stderr


def test_a_field_composed_stays_a_field(run, files):
    grid = Grid((4, 4, 4), (9, 9, 9), (-10, -10, -10))
    write_transform(DisplacementField(np.ones((4, 4, 4, 3)), grid), files / "f.h5")
    run("transform", "compose", files / "f.h5", files / "a.tfm", files / "fa.h5")
    expected = A.map_points(np.add((0, 0, 0), 1))
    np.testing.assert_allclose(
        simpleitk_maps(files / "fa.h5", (0.0, 0.0, 0.0)), expected, atol=1e-9
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "nope.tfm"), "cannot be read: No such file"),
        (("convert", "a.tfm", "t.xyz"), "unknown suffix '.xyz'"),
        (("convert", "a.tfm", "t.mat"), "a suffix of 'ants' and 'fsl': give the format to write"),
        (("convert", "a.tfm", "fsl.mat", "--to", "fsl"), "--fixed and --moving"),
        (("invert", "flat.txt", "i.tfm"), "singular"),
        (("show", "a.tfm", "--fixed", "nope.nii"), "nope.nii"),
    ],
)
def test_errors_are_one_line_and_leave_nothing(run, files, monkeypatch, words, said):
    monkeypatch.chdir(files)
    (files / "flat.txt").write_text("1 0 0 0\n0 1 0 0\n0 0 0 0\n0 0 0 1\n")
    before = sorted(files.iterdir())
    result = run("transform", *words)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert said in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert sorted(files.iterdir()) == before


def test_written_files_are_read_by_the_library(run, files):
    run("transform", "convert", files / "a.tfm", files / "a.lta")
    np.testing.assert_allclose(read_transform(files / "a.lta").matrix, A.matrix, atol=1e-12)


def test_compose_takes_a_format_for_each_transform(run, files):
    for name, motion in (("a.mat", A), ("b.mat", B)):
        write_transform(motion, files / name, format="ras")
    names = [files / name for name in ("a.mat", "b.mat", "ba.tfm")]
    result = run("transform", "compose", *names, "--from", "ras")
    assert result.exit_code == 0, result.stderr
    expected = B.map_points(A.map_points(POINT))
    np.testing.assert_allclose(simpleitk_maps(files / "ba.tfm", POINT), expected, atol=1e-9)
    names = [files / name for name in ("a.mat", "b.h5", "ba.tfm")]
    run("transform", "compose", *names, "--from", "ras", "--from", "itk")
    np.testing.assert_allclose(simpleitk_maps(files / "ba.tfm", POINT), expected, atol=1e-9)
    result = run("transform", "compose", *names, *["--from", "ras"] * 3)
    assert result.exit_code == 1
    assert "--from names at most 2 formats, got 3" in result.stderr


def test_show_says_what_it_assumed(run, files, caplog):
    write_transform(A, files / "greedy.txt", format="ras")
    result = run("transform", "show", files / "greedy.txt", "--json")
    shown = json.loads(result.stdout)
    assert shown["format"] == "ras"
    assert "assumed" in shown["assumption"]
    assert shown["assumption"] in caplog.text
    told = run("transform", "show", files / "greedy.txt", "--from", "ras", "--json")
    assert json.loads(told.stdout)["assumption"] == ""


def dicom_folder(folder):
    """Write a series of eight slices."""
    series, study, frame = (generate_uid() for _ in range(3))
    folder.mkdir()
    for number in range(8):
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.SOPClassUID = CTImageStorage
        dataset.SOPInstanceUID = generate_uid()
        dataset.SeriesInstanceUID, dataset.StudyInstanceUID = series, study
        dataset.FrameOfReferenceUID, dataset.Modality = frame, "CT"
        dataset.Rows, dataset.Columns, dataset.InstanceNumber = 7, 6, number + 1
        dataset.PixelSpacing, dataset.SliceThickness = [2, 2], 3
        dataset.ImagePositionPatient = [0, 0, 3 * number]
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        dataset.BitsAllocated = dataset.BitsStored = 16
        dataset.HighBit, dataset.PixelRepresentation, dataset.SamplesPerPixel = 15, 1, 1
        dataset.PhotometricInterpretation = "MONOCHROME2"
        dataset.RescaleSlope, dataset.RescaleIntercept = 1, 0
        dataset.PixelData = np.full((7, 6), number, "<i2").tobytes()
        dataset.save_as(folder / f"{number}.dcm", enforce_file_format=True)


def test_an_fsl_matrix_of_a_dicom_series_is_refused(run, files):
    """FSL reads no DICOM: which file its numbers belong to is unknown."""
    dicom_folder(files / "series")
    images = {"--fixed": files / "series", "--moving": files / "moving.nii.gz"}
    options = [word for item in images.items() for word in item]
    np.savetxt(files / "f.mat", np.eye(4))
    result = run("transform", "convert", files / "f.mat", files / "t.tfm", *options)
    assert result.exit_code == 1
    assert "FSL reads no DICOM" in result.stderr
    assert "give the NIfTI file that FLIRT had" in result.stderr
    result = run("transform", "convert", files / "a.tfm", files / "g.mat", "--to", "fsl", *options)
    assert (result.exit_code, "FSL reads no DICOM" in result.stderr) == (1, True)
    assert not (files / "g.mat").exists()
    onto = ("--onto", files / "series", "-t", files / "f.mat", "-o", files / "r.nii.gz")
    result = run("resample", files / "moving.nii.gz", *onto)
    assert (result.exit_code, "FSL reads no DICOM" in result.stderr) == (1, True)
    shown = json.loads(run("transform", "show", files / "a.tfm", *options, "--json").stdout)
    assert "FSL reads no DICOM" in shown["matrices"]["fsl"]["needs"]
    assert shown["matrices"]["voxel"]["matrix"] is not None


def test_resample_uses_the_header_of_a_sheared_file(run, files):
    """A FLIRT matrix belongs to the voxels of the file, not to those regkit resamples it to."""
    image = write_nifti_of_kind("sheared 15 degrees", files / "sheared.nii.gz")
    write_nifti_of_kind("neurological", files / "straight.nii.gz")
    pair = {"fixed": files / "straight.nii.gz", "moving": files / "sheared.nii.gz"}
    write_transform(A, files / "a.mat", format="fsl", **pair)
    fsl = FSLLinearTransform.from_string((files / "a.mat").read_text())
    ras = fsl.to_ras(moving=image, reference=nib.load(pair["fixed"]))
    lps_ras = np.diag([-1, -1, 1, 1])
    np.testing.assert_allclose(lps_ras @ ras @ lps_ras, A.matrix, atol=1e-5)
    for transform, out in (("a.mat", "one.nii.gz"), ("a.tfm", "two.nii.gz")):
        onto = ("--onto", pair["fixed"], "-t", files / transform, "-o", files / out)
        result = run("resample", pair["moving"], *onto)
        assert result.exit_code == 0, result.stderr
    one, two = (read_volume(files / name).array for name in ("one.nii.gz", "two.nii.gz"))
    np.testing.assert_allclose(one, two, atol=1e-3)


def wave_field():
    grid = Grid((10, 11, 12), (4, 3, 2), (-20, -15, -12))
    index = np.stack(np.meshgrid(*map(np.arange, grid.shape_zyx), indexing="ij"), axis=-1)
    return DisplacementField(1.5 * np.sin(grid.to_physical(index)[..., [1, 2, 0]] / 9), grid)


@pytest.mark.parametrize("out", ["i.tfm", "i.h5"])
def test_invert_says_how_exact_the_inverse_of_a_field_is(run, files, out):
    field = wave_field()
    write_transform(field, files / "f.h5")
    result = run("transform", "invert", files / "f.h5", files / out)
    assert result.exit_code == 0, result.stderr
    remark = result.stdout.splitlines()[-1]
    assert remark.startswith("the inverse of the displacement field is exact to ")
    assert ("# " + remark in (files / out).read_bytes().decode("latin-1")) == (out == "i.tfm")
    there = simpleitk_maps(files / "f.h5", (1.0, 2.0, 3.0))
    back = simpleitk_maps(files / out, there.tolist())
    np.testing.assert_allclose(back, (1, 2, 3), atol=0.2)
    again = run("transform", "invert", files / "f.h5", files / out)
    assert (again.exit_code, again.stdout) == (0, result.stdout)


def test_invert_gives_json(run, files):
    write_transform(wave_field(), files / "f.h5")
    shown = json.loads(run("transform", "invert", files / "f.h5", files / "i.h5", "--json").stdout)
    assert shown["file"] == str(files / "i.h5")
    assert 0 < shown["round_trip"]["mean_mm"] < shown["round_trip"]["largest_mm"] < 1
    shown = json.loads(
        run("transform", "invert", files / "a.tfm", files / "j.tfm", "--json").stdout
    )
    assert shown["round_trip"] is None
    assert "exact to" not in run("transform", "invert", files / "a.tfm", files / "k.tfm").stdout


def test_resample_through_an_inverse_says_how_exact_it_is(run, files):
    write_transform(wave_field(), files / "f.h5")
    options = ("--onto", files / "moving.nii.gz", "-t", files / "f.h5", "-o", files / "r.nii.gz")
    result = run("resample", files / "fixed.nii.gz", *options, "--inverse")
    assert result.exit_code == 0, result.stderr
    assert "the inverse of the displacement field is exact to" in result.stdout
    assert "exact to" not in run("resample", files / "fixed.nii.gz", *options, "--force").stdout


def test_show_tells_what_does_not_belong_to_the_record(run, pair_files):
    files = pair_files[0].parent
    run("register", *pair_files, "-m", "identity", "-o", files / "out")
    shown = [
        run("transform", "show", files / "out.tfm", "--json"),
        run("transform", "show", files / "out.tfm"),
    ]
    assert json.loads(shown[0].stdout)["mismatches"] == []
    assert "belong together" not in shown[1].stdout
    warped = files / "out_warped.nii.gz"
    record = json.loads((files / "out.json").read_text())
    digest = hashlib.sha256(warped.read_bytes()).hexdigest()
    assert record["images"] == [{"file": warped.name, "sha256": digest}]
    write_transform(A, files / "out.tfm")
    warped.write_bytes(pair_files[0].read_bytes())
    (first, second) = json.loads(run("transform", "show", files / "out.tfm", "--json").stdout)[
        "mismatches"
    ]
    assert first.startswith("out.tfm is not the file that out.json was written with")
    assert second.startswith("out_warped.nii.gz is not the file that")
    assert first in run("transform", "show", files / "out.tfm").stdout
