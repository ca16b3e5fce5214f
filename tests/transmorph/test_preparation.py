"""PET and CT made ready: the body is what was painted, the windows are those asked for."""

import json

import numpy as np
import pytest

from regkit import Grid, LabelMap, Pair, Volume, read_volume
from regkit.errors import RegistrationError
from regkit_transmorph.preparation import body_of, clip_hot_uptake, infer_modalities, prepare

# z, y, x in mm about the centre: a trunk that goes on beyond both ends, lungs, a table below.
GRID = Grid((40, 64, 64), (5.0, 5.0, 6.0), (-157.5, -157.5, -117.0))
TABLE_HU, TRUNK_MM = 300.0, (90.0, 130.0)


def places(grid):
    index = np.moveaxis(np.indices(grid.shape_zyx, dtype=float), 0, -1)
    return np.moveaxis(grid.to_physical(index), -1, 0)


def trunk(grid=GRID):
    """Return which voxels are trunk, lung and table."""
    x, y, _ = places(grid)
    body = (x / TRUNK_MM[1]) ** 2 + (y / TRUNK_MM[0]) ** 2 < 1
    lung = ((np.abs(x) - 60) / 40) ** 2 + (y / 50) ** 2 < 1
    table = (np.abs(y - TRUNK_MM[0] - 2.5) < 5.5) & (np.abs(x) < 150)  # it touches the back
    return body, lung, table & ~body


def ct(grid=GRID):
    body, lung, table = trunk(grid)
    hu = np.full(grid.shape_zyx, -1000.0)
    hu[table], hu[body], hu[lung] = TABLE_HU, 40.0, -800.0
    return Volume(hu, grid, "ct")


def pet(grid=GRID):
    body, lung, _ = trunk(grid)
    rng = np.random.default_rng(0)
    suv = np.where(body, np.where(lung, 0.4, 1.0), 0.0) + 0.03 * rng.random(grid.shape_zyx)
    return Volume(suv, grid, "pet")


def overlap(found, true):
    return 2 * (found & true).sum() / (found.sum() + true.sum())


def test_the_body_of_a_ct_has_lungs_and_no_table():
    found = body_of(ct(), "ct").array != 0
    body, lung, table = trunk()
    assert overlap(found, body) > 0.97
    assert found[lung].all()  # also at both ends of the scan, where they are open
    x, _, _ = places(GRID)
    # All but what the back rests on.
    assert not found[table & (np.abs(x) > 60)].any()


def test_the_body_of_a_pet():
    found = body_of(pet(), "pet").array != 0
    assert overlap(found, trunk()[0]) > 0.97


@pytest.mark.parametrize("axes", [(1, 0, 2), (2, 1, 0), (1, 2, 0)])
def test_slices_may_be_stored_along_any_axis(axes):
    volume = ct()
    affine = volume.grid.affine[:, [*axes, 3]]
    turned = Grid.from_affine(tuple(np.take(GRID.shape_zyx, axes)), affine)
    image = Volume(volume.array.transpose(axes), turned, "ct")
    found = body_of(image, "ct").array
    np.testing.assert_array_equal(found, body_of(volume, "ct").array.transpose(axes))


def test_the_window_is_that_of_the_paper_and_the_table_is_gone():
    made = prepare(ct())
    body, lung, _ = trunk()
    inside = made.body.array != 0
    np.testing.assert_allclose(made.volume.array[body & inside & ~lung], 340 / 600, rtol=1e-6)
    assert not made.volume.array[lung].any()
    assert not made.volume.array[~inside].any()
    assert made.volume.modality == ""
    assert made.volume.grid == GRID
    made = prepare(pet())
    np.testing.assert_allclose(
        made.volume.array, np.where(made.body.array != 0, pet().array / 15, 0), rtol=1e-5
    )


def test_another_window():
    made = prepare(pet(), window=(0.5, 1.0))
    assert made.volume.array.max() == 1
    assert not made.volume.array[trunk()[1]].any()


def test_what_was_done_is_told_as_plain_data():
    body, _, table = trunk()
    told = json.loads(json.dumps(prepare(ct()).record))
    voxel_ml = 0.15
    assert (told["modality"], told["unit"], told["window"]) == ("ct", "HU", [-300, 300])
    assert told["body_ml"] == pytest.approx(body.sum() * voxel_ml, rel=0.05)
    assert told["removed_ml"] == pytest.approx(table.sum() * voxel_ml, rel=0.35)
    assert prepare(pet()).record["unit"] == "SUV"


def test_an_image_that_does_not_say_is_taken_for_what_it_is_told():
    unknown = Volume(ct().array, GRID)
    np.testing.assert_array_equal(prepare(unknown, "ct").volume.array, prepare(ct()).volume.array)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (Volume(ct().array + 1024, GRID, "ct"), "must be in HU, .* lowest value is 24"),
        (Volume(pet().array * 5000, GRID, "pet"), "must be in SUV; .* names the tag"),
        (Volume(pet().array, GRID, "mr"), "a CT and a PET are needed, got .* 'mr'"),
        (Volume(pet().array, GRID), "modality 'unknown'; say what it is with --fixed-modality"),
        (Volume(np.full(GRID.shape_zyx, -1000.0), GRID, "ct"), "no body is visible"),
    ],
)
def test_what_cannot_be_prepared_is_said(image, words):
    with pytest.raises(RegistrationError, match=words):
        prepare(image)


def test_an_image_taken_for_a_ct_in_vain_asks_for_its_modality():
    pair = Pair(Volume(pet().array, GRID), Volume(ct().array, GRID))
    words = "the fixed image was taken for a CT but is not in HU: .*; give --fixed-modality"
    with pytest.raises(RegistrationError, match=words):
        infer_modalities(pair)


def test_a_thin_piece_alone_is_better_than_nothing():
    array = np.full(GRID.shape_zyx, -1000.0)
    array[20, 30:32] = 40
    assert body_of(Volume(array, GRID, "ct"), "ct").array[20, 30:32].all()


def test_real_scans_of_a_thigh(shared_data):
    """The body of PET and CT of one scanner is the same; the tumour lies within both."""
    home = shared_data / "ibsi_sts" / "STS_003"
    for kind in ("CT", "PET"):
        image = read_volume(home / f"{kind}_image.nii.gz", kind.lower())
        tumour = read_volume(home / f"{kind}_mask.nii.gz").array > 0
        made = prepare(image)
        assert made.body.array[tumour].mean() > 0.99
        assert isinstance(made.body, LabelMap)


def test_a_real_abdomen_keeps_its_organs(shared_data):
    home = shared_data / "ts_ct"
    labels = read_volume(home / "derived" / "example_ct_labels.nii.gz")
    body = body_of(read_volume(home / "example_ct.nii.gz", "ct"), "ct")
    assert body.grid.matches(labels.grid)
    assert body.array[labels.array > 0].mean() > 0.999


def test_for_an_optimisation_only_what_is_hot_changes():
    hot = pet().with_array(pet().array * 10)
    made = clip_hot_uptake(hot)
    np.testing.assert_array_equal(made.array, np.minimum(hot.array, 5))
    assert made.modality == ""
    assert clip_hot_uptake(ct()).modality == "ct"
    untold, _ = infer_modalities(Pair(Volume(ct().array, GRID), Volume(hot.array, GRID)))
    np.testing.assert_array_equal(clip_hot_uptake(untold.moving).array, made.array)
    assert untold.fixed.modality == "ct"
