"""Aligned pairs of files become cases with a known misalignment."""

from itertools import pairwise

import numpy as np
import pytest

from regkit import Grid, LabelMap, Volume, resample, write_volume
from regkit.datasets.folder import build_dataset, write_dataset
from regkit.errors import FileFormatError, ParameterError
from regkit.registry import default_registry
from regkit_nuclear.cohorts.perturbed import PerturbedPetCt
from small_cohorts import small

pytestmark = pytest.mark.simulation


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two aligned patients; the PET has another grid than the CT."""
    where = tmp_path_factory.mktemp("aligned")
    entries = []
    for index, case in enumerate(small("pet-ct", amount=0.0, noise=False)):
        ct, pet = case.pair.fixed, case.pair.moving
        finer = Grid((64, 60, 60), (9.0, 9.0, 15.0), (-265.5, -265.5, -472.5))
        files = {
            "fixed": resample(ct, finer, outside=-1000.0),
            "moving": pet,
            "fixed_labels": resample(case.fixed_labels, finer),
            "moving_labels": case.moving_labels,
        }
        entry = {"id": f"real-{index}", "group": f"somebody-{index}"}
        for key, volume in files.items():
            entry[key] = f"{index}_{key}.nii.gz"
            write_volume(volume, where / entry[key])
        entries.append(entry | {"fixed_modality": "ct", "moving_modality": "pet"})
    write_dataset(where, "aligned", entries)
    return str(where)


@pytest.fixture(scope="module")
def cases(folder):
    return list(PerturbedPetCt(n=4, pairs=folder, motions=2))


def test_every_pair_has_its_motions(cases):
    assert [case.id for case in cases] == ["p0000-a", "p0000-b", "p0001-a", "p0001-b"]
    assert [case.group for case in cases] == ["somebody-0"] * 2 + ["somebody-1"] * 2
    assert [case.extra["pair"] for case in cases] == ["real-0"] * 2 + ["real-1"] * 2
    matrices = [case.truth.matrix for case in cases]
    assert all(np.abs(a - b).max() > 1 for a, b in pairwise(matrices))


def test_the_truth_brings_scans_and_labels_together(cases):
    for case in cases:
        fixed, moving = case.fixed_labels, case.moving_labels
        true = resample(moving, fixed.grid, case.truth).array
        wrong = resample(moving, fixed.grid).array
        organs = fixed.array > 0
        assert organs.sum() > 1000
        right, by_chance = ((fixed.array == found)[organs].mean() for found in (true, wrong))
        assert right > 0.55
        assert right > by_chance + 0.15


def test_the_motions_are_those_of_the_cohort_of_simulated_patients(cases):
    """Two maps of -6.8 to 6.8 degrees and 0.93 to 1.07 cannot differ by more than this."""
    for case in cases:
        linear = case.truth.matrix[:3, :3]
        assert np.linalg.det(linear) == pytest.approx(1, abs=0.5)
        assert 0.005 < np.abs(linear - np.eye(3)).max() < 0.5


def test_masks_tell_what_was_seen(cases):
    for case in cases:
        for scan, mask in (
            (case.pair.fixed, case.pair.fixed_mask),
            (case.pair.moving, case.pair.moving_mask),
        ):
            assert isinstance(mask, LabelMap)
            assert mask.grid == scan.grid
            assert 0.6 < mask.array.mean() < 1
        unseen = case.pair.fixed.array[case.pair.fixed_mask.array == 0]
        assert np.median(unseen) == -1000


def test_nothing_moves_by_no_amount(folder):
    (case,) = PerturbedPetCt(n=1, pairs=folder, amount=0.0)
    np.testing.assert_allclose(case.truth.matrix, np.eye(4), atol=1e-12)
    assert case.pair.fixed_mask.array.all()
    assert isinstance(case.pair.moving, Volume)


def test_the_registry_offers_it(folder):
    offered = build_dataset("pet-ct-misplaced", {"n": 2, "pairs": folder}, default_registry())
    assert (len(offered), offered.ids) == (2, ("p0000", "p0001"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"pairs": ""}, "needs a dataset folder of aligned CT and PET: --set pairs=FOLDER"),
        ({"n": 3}, "makes 2 cases with motions = 1, not 3"),
        ({"motions": 0}, "motions takes 1 to 26"),
        ({"amount": 4.0}, "amount takes 0 to 3"),
    ],
)
def test_what_cannot_be_is_refused(folder, options, words):
    with pytest.raises(ParameterError, match=words):
        PerturbedPetCt(**({"n": 2, "pairs": folder} | options))


def test_a_folder_without_an_index_is_named(tmp_path):
    with pytest.raises(FileFormatError, match="is not a dataset folder"):
        PerturbedPetCt(n=1, pairs=str(tmp_path))
