"""Commands that read contours and segmentations of DICOM, and write segmentations."""

import json
from dataclasses import dataclass

import numpy as np
import pydicom
import pytest

from dciodvfy import assert_conformant
from dicom_objects import write_ct, write_structures
from regkit import IDENTITY, LabelMap, read_labels, read_volume, write_volume
from regkit.datasets.folder import read_dataset
from regkit.geometry.grid import Grid
from regkit.io import LabeledImage, atomic_output
from regkit.io.transforms import write_transform
from regkit.registrar import Estimate, Pair
from regkit.registration.run import run as run_registration
from regkit.report.dicom_output import read_dicom_pair
from regkit.report.record import Inputs
from regkit.report.save import save_registration

pytestmark = pytest.mark.end_to_end

GRID = Grid((8, 30, 40), (1.5, 1.5, 3.0), (-30.0, -20.0, 100.0))


def _square(x, y, size, slice_index) -> np.ndarray:
    corners = np.array([[y, x], [y, x + size], [y + size, x + size], [y + size, x]]) - 0.25
    return GRID.to_physical(np.insert(corners, 0, slice_index, axis=1))


@pytest.fixture
def study(tmp_path):
    """A CT series, a structure set of it, and the identity."""
    pixels = np.random.default_rng(0).integers(0, 1000, GRID.shape_zyx)
    write_ct(tmp_path / "ct", GRID, pixels)
    tumor = [_square(8, 6, 6, z) for z in (2, 3, 4)]
    body = [_square(2, 2, 25, z) for z in range(8)]
    write_structures(tmp_path / "rs" / "RS.dcm", [(1, "Body", body), (6, "GTV", tumor)])
    write_transform(IDENTITY, tmp_path / "identity.tfm")
    return tmp_path


def _tumor() -> np.ndarray:
    expected = np.zeros(GRID.shape_zyx, bool)
    expected[2:5, 6:12, 8:14] = True
    return expected


def test_contours_are_a_mask_of_the_images_of_a_registration(run, study):
    prefix = study / "out" / "a"
    result = run(
        "register", study / "ct", study / "ct", "-m", "identity", "-o", prefix,
        "--fixed-mask", study / "rs", "--fixed-roi", "gtv",
        "--moving-mask", study / "rs" / "RS.dcm", "--moving-roi", "6",
    )  # fmt: skip
    assert result.exit_code in (0, 3), result.output
    inputs = json.loads((study / "out" / "a.json").read_text())["inputs"]
    assert inputs["fixed_mask"]["roi"] == "gtv"
    assert inputs["moving_mask"]["roi"] == "6"
    assert inputs["fixed_mask"]["shape_zyx"] == list(GRID.shape_zyx)
    assert "roi" not in inputs["fixed"]


def test_a_region_without_a_mask_is_an_error(run, study):
    images = (study / "ct", study / "ct")
    result = run("register", *images, "-m", "identity", "-o", study / "a", "--moving-roi", "gtv")
    assert result.exit_code == 1
    assert "--moving-roi chooses in a mask; give --moving-mask, too" in result.stderr
    transform = ("-t", study / "identity.tfm", "-o", study / "a.nii.gz")
    result = run("resample", images[0], "--onto", images[1], *transform, "--roi", "gtv")
    assert result.exit_code == 2
    assert "give --labels, too" in result.stderr


def test_a_mask_of_several_regions_is_one_clear_line(run, study):
    result = run(
        "register", study / "ct", study / "ct", "-m", "identity", "-o", study / "a",
        "--fixed-mask", study / "rs",
    )  # fmt: skip
    assert result.exit_code == 1
    assert "holds 2 regions: 1 'Body', 6 'GTV'; choose by number or words of" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def _resample(run, study, output, *more):
    return run(
        "resample", study / "rs", "--labels", "--onto", study / "ct", "-t",
        study / "identity.tfm", "-o", output, *more,
    )  # fmt: skip


def test_contours_become_a_label_map_of_another_image(run, study):
    result = _resample(run, study, study / "l.nii.gz", "--drawn-on", study / "ct")
    assert result.exit_code == 0, result.output
    assert "labels: 1 Body, 6 GTV" in result.stdout
    labels = read_labels(study / "l.nii.gz")
    np.testing.assert_array_equal(labels.array == 6, _tumor())
    assert labels.labels == (1, 6)


def test_contours_become_a_segmentation(run, study):
    options = ("--drawn-on", study / "ct", "--roi", "gtv")
    result = _resample(run, study, study / "labels.dcm", *options)
    assert result.exit_code == 0, result.output
    seg = pydicom.dcmread(study / "labels.dcm")
    assert [item.SegmentLabel for item in seg.SegmentSequence] == ["GTV"]
    assert seg.PatientID == "7"
    labels = read_labels(study / "labels.dcm", image=LabeledImage(GRID, study / "ct"))
    np.testing.assert_array_equal(labels.array, _tumor())
    assert_conformant(study / "labels.dcm")


def test_the_same_command_may_replace_its_segmentation(run, study):
    options = ("--drawn-on", study / "ct")
    for _ in range(2):
        result = _resample(run, study, study / "labels.dcm", *options)
        assert result.exit_code == 0, result.output
    result = _resample(run, study, study / "labels.dcm", *options, "--roi", "gtv")
    assert result.exit_code == 1
    assert "labels.dcm exists, with other contents; choose another name" in result.stderr


def test_labels_of_a_method_are_written_as_segmentation(study):
    image = read_volume(study / "ct")
    labels = LabelMap(_tumor(), GRID, names={1: "ventricle"})

    @dataclass(frozen=True)
    class Finder:
        def register(self, pair):
            return Estimate(pair.start, labels)

    result = run_registration(Finder(), Pair(image, image), "finder")
    with atomic_output(study / "out") as stage:
        pair = read_dicom_pair(study / "ct", study / "ct")
        inputs = Inputs(study / "ct", study / "ct")
        saved = save_registration(result, "a", stage, inputs, dicom=pair, warped=False)
    assert study / "out" / "a_labels.dcm" in saved.files
    read = read_labels(study / "out" / "a_labels.dcm", image=LabeledImage(GRID, study / "ct"))
    np.testing.assert_array_equal(read.array, _tumor())
    assert read.names == {1: "ventricle"}


def test_contours_without_their_image(run, study):
    result = _resample(run, study, study / "l.nii.gz")
    assert result.exit_code == 1
    assert (
        "contours have no voxels; name the image they were drawn on (--drawn-on)" in result.stderr
    )


def test_a_dataset_folder_reads_contours_and_segmentations(study):
    array = np.zeros(GRID.shape_zyx, int)
    array[2:5, 6:12, 8:14] = 1
    write_volume(LabelMap(array, GRID), study / "plain.nii.gz")
    case = {
        "id": "a", "fixed": "ct", "moving": "ct", "fixed_mask": "rs/RS.dcm", "fixed_roi": "GTV",
        "moving_mask": "plain.nii.gz", "fixed_labels": "rs/RS.dcm", "moving_labels": "rs",
    }  # fmt: skip
    (study / "dataset.json").write_text(json.dumps({"cases": [case]}))
    (read,) = read_dataset(study)
    np.testing.assert_array_equal(read.pair.fixed_mask.array > 0, _tumor())
    np.testing.assert_array_equal(read.pair.moving_mask.array > 0, _tumor())
    np.testing.assert_array_equal(read.fixed_labels.array == 6, _tumor())
    assert read.moving_labels.labels == (1, 6)
