"""SPECT simulated from a CT with labelled organs."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from regkit import LabelMap, Volume, write_volume
from regkit.errors import FileFormatError
from regkit.geometry.grid import Grid
from regkit.geometry.resampling import resample
from regkit.geometry.rotation import rotation_matrix
from regkit_nuclear.cohorts.real_anatomy import read_anatomy, read_uptake
from regkit_nuclear.cohorts.spect_ct import SpectCt
from regkit_nuclear.phantoms.thorax import ORGANS, draw_thorax_patient
from regkit_nuclear.phantoms.thorax.render import render_thorax

pytestmark = pytest.mark.simulation

TABLE = """label,name,uptake
0,other tissue,0.05
{lv_myocardium},myocardium,1.0
{liver},liver,0.6
{lung_left},lung,0.03
{lung_right},lung,0.03
"""
# As scanners write it: x and y run to the patient's right and front.
SCANNER = Grid(
    (30, 44, 50), (9.0, 9.0, 9.0), (220.0, 200.0, -150.0), (-1, 0, 0, 0, -1, 0, 0, 0, 1)
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A phantom's thorax, given as if it were somebody's CT."""
    where = tmp_path_factory.mktemp("somebody")
    anatomy = render_thorax(draw_thorax_patient(3), SCANNER)
    write_volume(anatomy.hu, where / "ct.nii.gz")
    write_volume(anatomy.organs, where / "labels.nii.gz")
    (where / "uptake.csv").write_text(TABLE.format(**ORGANS))
    return where


@pytest.fixture(scope="module")
def cohort(folder) -> SpectCt:
    return SpectCt(n=2, size=32, anatomy=str(folder), noise=False)


@pytest.fixture(scope="module")
def cases(cohort):
    return list(cohort)


def test_organs_light_up_where_they_are(cases):
    case = cases[0]
    labels, corrected = case.fixed_labels.array, case.extra["ac"].array
    levels = {
        name: corrected[labels == ORGANS[name]].mean()
        for name in ("lv_myocardium", "liver", "lung_left", "spine")
    }
    assert levels["lv_myocardium"] > levels["spine"] > 0
    assert levels["liver"] > 3 * levels["spine"]
    assert levels["lung_left"] < levels["liver"] / 3


def test_attenuation_is_that_of_the_phantom(folder):
    """From HU back to 1/cm, on an upright grid, whatever the CT's own axes."""
    here = Grid((20, 40, 40), (9.0, 9.0, 9.0), (-175.5, -175.5, -85.5))
    _, mu = read_anatomy(folder).emission(here)
    direct = render_thorax(draw_thorax_patient(3), here).mu.array
    np.testing.assert_allclose(mu.array.mean(), direct.mean(), rtol=0.03)
    assert np.corrcoef(mu.array.ravel(), direct.ravel())[0, 1] > 0.95


def test_the_spect_covers_what_the_ct_covers(cases):
    fixed = cases[0].pair.fixed.grid
    assert fixed.shape_zyx == (19, 32, 32)  # 30 slices of 9 mm hold 19 of 13.6 mm
    heights = SCANNER.corners()[:, 2]
    assert fixed.corners()[:, 2].min() >= heights.min() - 1e-6
    assert fixed.corners()[:, 2].max() <= heights.max() + 1e-6


def test_the_ct_keeps_its_extent_and_the_motion_is_in_its_header(cases):
    for case in cases:
        moving = case.pair.moving
        assert moving.modality == "mu"
        still = Grid.from_affine(
            moving.grid.shape_zyx, case.truth.inverse().matrix @ moving.grid.affine
        )
        np.testing.assert_allclose(still.direction, SCANNER.direction, atol=1e-6)
        np.testing.assert_allclose(still.extent, SCANNER.extent, rtol=1e-6)
        np.testing.assert_allclose(still.centre, SCANNER.centre, atol=1e-6)
        back = resample(case.moving_labels, case.fixed_labels.grid, case.truth)
        liver, there = (a.array == ORGANS["liver"] for a in (case.fixed_labels, back))
        assert (liver & there).sum() / (liver | there).sum() > 0.7


def test_a_part_of_the_ct_has_the_heart(folder):
    whole, part = (
        SpectCt(n=1, size=16, anatomy=str(folder), coverage=(share, share)).case(0)
        for share in (1.0, 0.5)
    )
    assert part.pair.moving.grid.shape_zyx[0] == round(0.5 * whole.pair.moving.grid.shape_zyx[0])
    label = whole.extra["myocardium_label"]
    assert (part.moving_labels.array == label).sum() > 0.9 * (
        whole.moving_labels.array == label
    ).sum()


def test_uptake_differs_between_patients_but_not_the_anatomy(folder):
    somebody = read_anatomy(folder)
    one, two, again = (somebody.with_varied_uptake(seed) for seed in (1, 2, 1))
    assert one.organs == again.organs
    ratios = [a.uptake / b.uptake for a, b in zip(one.organs, two.organs, strict=True)]
    assert len({round(r, 6) for r in ratios}) == len(ratios)
    assert one.ct is two.ct


def test_the_couch_does_not_shine(folder):
    somebody = read_anatomy(folder)
    couch = somebody.labels.array == ORGANS["table"]
    assert couch.any()
    activity = somebody.emission(somebody.ct.grid)[0].array
    assert (activity[couch] == 0).mean() > 0.95
    assert activity[somebody.labels.array == ORGANS["muscle"]].mean() > 0.04


def test_a_folder_of_dicom_slices_will_do(folder, tmp_path):
    from regkit.datasets.case import Case
    from regkit.registrar import Pair
    from regkit_nuclear.dicom_export import write_image

    ct = read_anatomy(folder).ct
    write_image(ct, tmp_path / "ct", Case("x", Pair(ct, ct)))
    for name in ("labels.nii.gz", "uptake.csv"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    here = Grid((20, 30, 30), (9.0, 9.0, 9.0), (-130.5, -130.5, -85.5))
    one, two = (resample(read_anatomy(f).ct, here).array for f in (folder, tmp_path))
    np.testing.assert_allclose(one, two, atol=0.6)


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("uptake.csv", None, r"uptake.csv: cannot be read"),
        ("uptake.csv", "", "needs the heading label,name,uptake"),
        ("uptake.csv", "organ,uptake\n1,2\n", "needs the heading label,name,uptake"),
        ("uptake.csv", "label,name,uptake\n1,liver\n", "line 2 is not label,name,uptake"),
        ("uptake.csv", "label,name,uptake\n1,liver,-1\n", "line 2: uptake must be 0 or more"),
        ("uptake.csv", "label,name,uptake\n99,nobody,1\n", "no organ that takes up tracer"),
        (
            "uptake.csv",
            "label,name,uptake\n0,all,1\n1,liver,0\n",
            "no organ that takes up tracer",
        ),
        ("uptake.csv", "label,name,uptake\n1,a,1\n1,b,2\n", "label 1 has 2 lines; leave one"),
        ("uptake.csv", b"\xff\xfe\x00l", "uptake.csv: is no table in UTF-8"),
        ("labels.nii.gz", None, "needs one file .* named labels, has none"),
        ("ct.nii.gz", None, "needs one file .* named ct, has none"),
        ("ct.mha", "", "named ct, has ct.mha, ct.nii.gz"),
    ],
)
def test_what_is_wrong_with_a_folder_is_told(folder, tmp_path, file, content, words):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    if content is None:
        (tmp_path / file).unlink()
    elif isinstance(content, bytes):
        (tmp_path / file).write_bytes(content)
    else:
        (tmp_path / file).write_text(content)
    with pytest.raises(FileFormatError, match=words):
        read_anatomy(tmp_path)


@pytest.mark.parametrize("wrong", [0.5, np.nan])
def test_an_image_that_is_no_ct_is_refused(wrong, tmp_path):
    array = np.random.default_rng(0).random(SCANNER.shape_zyx) * 1000 - 900
    array[0] = wrong
    image = Volume(array if np.isnan(wrong) else abs(array), SCANNER)
    write_volume(image, tmp_path / "ct.nii.gz")
    write_volume(LabelMap(np.ones(SCANNER.shape_zyx, int), SCANNER), tmp_path / "labels.nii.gz")
    (tmp_path / "uptake.csv").write_text("label,name,uptake\n1,liver,1\n")
    with pytest.raises(FileFormatError, match="must be in HU"):
        read_anatomy(tmp_path)


def test_a_table_from_a_spreadsheet(tmp_path):
    content = "label,name,uptake\r\n3,liver,0.5\r\n"
    (tmp_path / "uptake.csv").write_text(content, encoding="utf-8-sig", newline="")
    assert [organ.name for organ in read_uptake(tmp_path / "uptake.csv")] == ["liver"]


def test_the_table_is_read_in_its_order(tmp_path):
    (tmp_path / "uptake.csv").write_text("label,name,uptake,note\n3, liver ,0.5,\n1,gut,0,x\n")
    organs = read_uptake(tmp_path / "uptake.csv")
    assert [(o.label, o.name, o.uptake) for o in organs] == [(3, "liver", 0.5), (1, "gut", 0.0)]


def test_real_cts(shared_data, tmp_path, monkeypatch):
    """Both public CTs: the liver is at the patient's right, shines, and lies in soft tissue."""
    script = Path(__file__).parents[2] / "benchmarks" / "real_anatomy.py"
    monkeypatch.setattr("sys.argv", [str(script), str(shared_data), str(tmp_path)])
    runpy.run_path(str(script), run_name="__main__")
    for name in ("ts_ct", "patient15"):
        case = SpectCt(n=1, size=32, anatomy=str(tmp_path / name)).case(0)
        somebody = read_anatomy(tmp_path / name)
        organs = {organ.name: organ.label for organ in somebody.organs}
        liver, spleen = (case.fixed_labels.array == organs[organ] for organ in ("liver", "spleen"))
        places = [
            case.fixed_labels.grid.to_physical(np.argwhere(o).mean(axis=0))
            for o in (liver, spleen)
        ]
        assert places[0][0] < places[1][0] - 50
        assert case.extra["ac"].array[liver].mean() > 3 * case.extra["ac"].array.mean()
        mu = resample(case.pair.moving, case.fixed_labels.grid, case.truth).array[liver]
        assert np.median(mu) == pytest.approx(0.16, abs=0.01)


def test_rotated_cts_are_no_different(folder, tmp_path):
    """The same numbers in a header turned by a motion give a SPECT of the turned patient."""
    somebody = read_anatomy(folder)
    turned = Grid.from_affine(SCANNER.shape_zyx, _turn() @ SCANNER.affine)
    write_volume(somebody.ct.with_array(somebody.ct.array, turned), tmp_path / "ct.nii.gz")
    labels = somebody.labels.with_array(somebody.labels.array, turned)
    write_volume(labels, tmp_path / "labels.nii.gz")
    (tmp_path / "uptake.csv").write_bytes((folder / "uptake.csv").read_bytes())
    moved = read_anatomy(tmp_path)
    np.testing.assert_allclose(
        moved.heart_centre_mm, _turn()[:3, :3] @ np.array(somebody.heart_centre_mm), atol=0.1
    )
    grid = moved.spect_grid(32)
    activity, mu = moved.emission(grid)
    heart = np.rint(grid.to_index(moved.heart_centre_mm)).astype(int)
    assert mu.array[tuple(heart)] > 0.13
    assert activity.array.max() > 0.5


def _turn() -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = rotation_matrix((5.0, -4.0, 12.0))
    return matrix
