"""`regkit.register` takes whatever stands for an image, and gives one answer for all of them."""

import numpy as np
import pytest
import SimpleITK as sitk

import regkit
from phantoms import small_pair
from regkit.errors import RegistrationError, RegkitError, TransformError
from regkit.geometry.sitk_bridge import transform_to_sitk
from regkit_ants.conversion import volume_to_ants

MOTION = regkit.rigid((0, 0, 5), (4, 0, -3))


@pytest.fixture(scope="module")
def pair() -> regkit.Pair:
    return small_pair()


def register(fixed, moving, method="moments", **options):
    options = {"fixed_modality": "pet", "moving_modality": "ct", "judge": False} | options
    return regkit.register(fixed, moving, method, **options)


def test_every_kind_of_image_gives_the_same_transform(pair, tmp_path):
    expected = register(pair.fixed, pair.moving).transform.matrix
    files = tmp_path / "pet.nii.gz", tmp_path / "ct.mha"
    for volume, file in zip((pair.fixed, pair.moving), files, strict=True):
        regkit.write_volume(volume, file)
    kinds = {
        "paths": files,
        "text": tuple(map(str, files)),
        "SimpleITK": (pair.fixed.to_sitk(), pair.moving.to_sitk()),
        "nibabel": (pair.fixed.to_nibabel(), pair.moving.to_nibabel()),
        "ANTs": (volume_to_ants(pair.fixed), volume_to_ants(pair.moving)),
        "mixed": (files[0], pair.moving.to_sitk()),
    }
    for kind, (fixed, moving) in kinds.items():
        found = register(fixed, moving)
        assert found.transform.matrix == pytest.approx(expected, abs=1e-4), kind
        assert (found.pair.fixed.modality, found.pair.moving.modality) == ("pet", "ct")


def test_an_array_is_one_error_that_says_what_to_do(pair):
    with pytest.raises(RegkitError, match=r"the fixed image is an array .*; .*spacing="):
        register(np.asarray(pair.fixed), pair.moving)


def test_masks_of_every_kind_are_one_region(pair, tmp_path):
    array = (pair.fixed.array > pair.fixed.array.mean()).astype(np.uint8)
    labels = regkit.LabelMap(array, pair.fixed.grid)
    regkit.write_volume(labels, tmp_path / "mask.nii.gz")
    masks = [tmp_path / "mask.nii.gz", labels, labels.to_sitk(), labels.to_nibabel(), array]
    for mask in masks:
        found = register(pair.fixed, pair.moving, "identity", fixed_mask=mask).pair.fixed_mask
        assert np.array_equal(found.array, array)
        assert found.grid.matches(pair.fixed.grid)


def test_an_array_without_a_volume_is_no_mask(pair):
    with pytest.raises(RegistrationError, match=r"the fixed mask is an array"):
        register(pair.fixed.to_sitk(), pair.moving, fixed_mask=np.ones(pair.fixed.shape))


def test_the_initial_transform_may_have_any_form(pair, tmp_path):
    file = tmp_path / "t.tfm"
    regkit.write_transform(MOTION, file)
    forms = [
        {"initial": MOTION},
        {"initial": MOTION.matrix},
        {"initial": MOTION.matrix.tolist()},
        {"initial": transform_to_sitk(MOTION)},
        {"initial": file},
        {"init": file},
        {"init": str(file)},
    ]
    for form in forms:
        found = register(pair.fixed, pair.moving, "identity", **form).transform
        assert found.matrix == pytest.approx(MOTION.matrix, abs=1e-9), form


@pytest.mark.parametrize("initial", [np.eye(3), object(), sitk])
def test_what_is_no_initial_transform_is_one_error(pair, initial):
    with pytest.raises(TransformError, match=r"give a Transform, one of SimpleITK, a 4 x 4"):
        register(pair.fixed, pair.moving, initial=initial)


def test_the_start_is_automatic_by_default(pair):
    far = pair.moving.grid
    moved = regkit.Grid(far.shape_zyx, far.spacing, (5000.0, 0.0, 0.0), far.direction)
    found = register(pair.fixed, pair.moving.with_array(pair.moving.array, moved), "moments")
    assert found.origin.init == "auto"
    with pytest.raises(RegistrationError, match="do not overlap"):
        register(
            pair.fixed,
            pair.moving.with_array(pair.moving.array, moved),
            "moments",
            init="identity",
        )


def test_seed_and_device_are_for_the_methods_that_have_them(pair):
    result = register(pair.fixed, pair.moving, "moments", seed=7, device="cpu", threads=1)
    assert "seed" not in result.parameters


def test_a_batch_yields_results_in_order_one_at_a_time(pair):
    asked = []

    def pairs():
        for motion in (0, 1):
            asked.append(motion)
            yield pair.fixed, pair.moving

    results = regkit.register_many(pairs(), "identity", judge=False)
    assert asked == []
    assert next(results).method == "identity"
    assert asked == [0]
    assert len(list(results)) == 1


def test_a_batch_takes_pairs_and_parameters_of_each(pair, tmp_path):
    own = {"fixed": pair.fixed, "moving": pair.moving, "method": "moments", "init": "centre"}
    first, second = regkit.register_many([pair, own], "identity", judge=False)
    assert (first.method, second.method) == ("identity", "moments")
    assert second.origin.init == "centre"


def test_an_error_in_a_batch_names_the_pair_and_may_be_returned(pair, tmp_path):
    pairs = [(pair.fixed, pair.moving), (tmp_path / "lost.nii", pair.moving), "ab", 3]
    results = list(regkit.register_many(pairs, "identity", judge=False, return_errors=True))
    assert results[0].method == "identity"
    assert [type(r).__name__ for r in results[1:]] == [
        "FileFormatError",
        "FileFormatError",
        "RegistrationError",
    ]
    assert str(results[1]).startswith("pair 2: ")
    with pytest.raises(RegistrationError, match=r"pair 1: got a int; give \(fixed, moving\)"):
        list(regkit.register_many([3], "identity"))
    with pytest.raises(RegistrationError, match="pair 1: there is no 'moving'; got fixed, movin"):
        list(regkit.register_many([{"fixed": "a", "movin": "b"}], "identity"))


def test_a_chain_says_which_method_was_used(pair):
    result = regkit.register(pair.fixed, pair.moving, "moments,identity", judge=True)
    assert result.used in {"moments", "identity"}
    assert f"used {result.used}" in repr(result)
    assert register(pair.fixed, pair.moving, "identity").used == "identity"


def test_a_picture_is_shown_in_a_window_or_refused_in_one_line(pair, monkeypatch):
    shown = []
    result = register(pair.fixed, pair.moving, "identity")
    monkeypatch.setattr(
        "PIL.ImageShow.show", lambda image, *_: bool(shown.append(image.size)) or True
    )
    result.show()
    assert shown == [regkit.picture(result).size]
    monkeypatch.setattr("PIL.ImageShow.show", lambda *_: False)
    with pytest.raises(RegkitError, match=r"no program to show a picture .* result\.save"):
        result.show()
