"""`regkit resample` puts an image on another's grid, as SimpleITK does."""

import numpy as np
import pytest
import SimpleITK as sitk

from regkit import Grid, LabelMap, Volume, rigid, write_transform
from regkit.io import write_volume

FIXED = Grid((9, 10, 11), (3, 2, 2), (-8, -7, -6), (0.8, -0.6, 0, 0.6, 0.8, 0, 0, 0, 1))
MOVING = Grid((12, 12, 12), (2, 2, 2), (-11, -11, -11))
T = rigid((5, -8, 12), (1, -2, 3))


@pytest.fixture
def files(tmp_path):
    """Write a fixed image, a moving one, its labels and the transform; return their folder."""
    rng = np.random.default_rng(0)
    write_volume(Volume(np.zeros(FIXED.shape_zyx), FIXED), tmp_path / "fixed.nii.gz")
    write_volume(Volume(rng.normal(size=MOVING.shape_zyx), MOVING), tmp_path / "moving.nii.gz")
    labels = LabelMap(rng.choice([0, 7, 200], MOVING.shape_zyx), MOVING)
    write_volume(labels, tmp_path / "labels.nii.gz")
    write_transform(T, tmp_path / "t.tfm")
    return tmp_path


def judged(folder, name, transform, interpolator, outside=0.0):
    return sitk.GetArrayFromImage(
        sitk.Resample(
            sitk.ReadImage(str(folder / name)),
            sitk.ReadImage(str(folder / "fixed.nii.gz")),
            transform,
            interpolator,
            outside,
        )
    )


def read(path):
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def resample(run, files, name, *more):
    result = run(
        *("resample", files / name, "--onto", files / "fixed.nii.gz"),
        *("--transform", files / "t.tfm", "-o", files / "out.nii.gz", *more),
    )
    assert result.exit_code == 0, result.output
    return read(files / "out.nii.gz")


@pytest.mark.parametrize("inverse", [False, True])
def test_intensities(run, files, inverse):
    judge = sitk.ReadTransform(str(files / "t.tfm"))
    expected = judged(
        files, "moving.nii.gz", judge.GetInverse() if inverse else judge, sitk.sitkLinear, -3
    )
    more = ("--inverse",) if inverse else ()
    found = resample(run, files, "moving.nii.gz", "--outside", "-3", *more)
    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert (found == -3).any()


def test_labels_stay_whole(run, files):
    judge = sitk.ReadTransform(str(files / "t.tfm"))
    expected = judged(files, "labels.nii.gz", judge, sitk.sitkNearestNeighbor)
    found = resample(run, files, "labels.nii.gz", "--labels")
    assert set(np.unique(found)) == {0, 7, 200}
    assert (found == expected).mean() > 0.99  # ties may round either way


def test_the_result_lies_on_the_fixed_grid(run, files):
    resample(run, files, "moving.nii.gz")
    out, fixed = (sitk.ReadImage(str(files / f"{n}.nii.gz")) for n in ("out", "fixed"))
    last = tuple(n - 1 for n in fixed.GetSize())
    assert out.GetSize() == fixed.GetSize()
    np.testing.assert_allclose(
        out.TransformIndexToPhysicalPoint(last),
        fixed.TransformIndexToPhysicalPoint(last),
        atol=1e-4,
    )


def test_an_fsl_matrix_finds_its_images(run, files):
    write_transform(T, files / "t.mat", format="fsl", fixed=FIXED, moving=MOVING)
    expected = resample(run, files, "moving.nii.gz")
    found = resample(run, files, "moving.nii.gz", "--transform", files / "t.mat", "--force")
    np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nope.nii.gz", "--onto", "fixed.nii.gz", "-t", "t.tfm"), "nope.nii.gz"),
        (("moving.nii.gz", "--onto", "nope.nii.gz", "-t", "t.tfm"), "nope.nii.gz"),
        (("moving.nii.gz", "--onto", "fixed.nii.gz", "-t", "nope.tfm"), "nope.tfm"),
        (("moving.nii.gz", "--onto", "fixed.nii.gz", "-t", "t.tfm", "--labels"), "whole numbers"),
    ],
)
def test_errors_are_one_line_and_leave_nothing(run, files, monkeypatch, words, said):
    monkeypatch.chdir(files)
    before = sorted(files.iterdir())
    result = run("resample", *words, "-o", "out.nii.gz")
    assert result.exit_code == 1
    assert said in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert sorted(files.iterdir()) == before
