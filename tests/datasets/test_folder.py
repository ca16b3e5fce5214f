import json

import numpy as np
import pytest

from phantoms import MOTION, SMALL, small_pair
from regkit.datasets.case import Dataset
from regkit.datasets.folder import read_dataset, write_dataset
from regkit.errors import FileFormatError
from regkit.io import write_landmarks, write_volume
from regkit.io.transforms import write_transform
from regkit.testing.phantom import thorax_labels


@pytest.fixture
def folder(tmp_path):
    pair = small_pair()
    write_volume(pair.fixed, tmp_path / "pet.nii.gz")
    write_volume(pair.moving, tmp_path / "ct.nii.gz")
    write_volume(thorax_labels(SMALL), tmp_path / "labels.nii.gz")
    write_transform(MOTION, tmp_path / "truth.tfm")
    write_landmarks(np.eye(3), tmp_path / "points.csv")
    return tmp_path


def entry(**changes):
    return {
        "id": "p1-a",
        "group": "p1",
        "fixed": "pet.nii.gz",
        "moving": "ct.nii.gz",
        "fixed_modality": "pet",
        "moving_modality": "ct",
        "truth": "truth.tfm",
        "fixed_labels": "labels.nii.gz",
        "fixed_landmarks": "points.csv",
        "split": "test",
        "dose_mbq": 300,
    } | changes


def test_a_folder_gives_back_what_was_written(folder):
    write_dataset(folder, "mine", [entry(), entry(id="p1-b", split="train")])
    dataset = read_dataset(folder)
    case = next(iter(dataset))
    assert isinstance(dataset, Dataset)
    assert (dataset.name, len(dataset)) == ("mine", 2)
    assert (case.id, case.group, case.pair.fixed.modality) == ("p1-a", "p1", "pet")
    assert case.extra == {"split": "test", "dose_mbq": 300}
    np.testing.assert_allclose(case.truth.matrix, MOTION.matrix, atol=1e-9)
    np.testing.assert_allclose(case.pair.moving.array, small_pair().moving.array)
    np.testing.assert_array_equal(case.fixed_labels.array, thorax_labels(SMALL).array)
    np.testing.assert_allclose(case.fixed_landmarks, np.eye(3))
    assert [c.id for c in dataset.split("train")] == ["p1-b"]


def test_a_flirt_matrix_refers_to_the_images_of_its_case(folder):
    images = {"fixed": folder / "pet.nii.gz", "moving": folder / "ct.nii.gz"}
    write_transform(MOTION, folder / "truth.mat", format="fsl", **images)
    write_dataset(folder, "mine", [entry(truth="truth.mat", initial="truth.mat")])
    case = next(iter(read_dataset(folder)))
    np.testing.assert_allclose(case.truth.matrix, MOTION.matrix, atol=1e-5)
    np.testing.assert_allclose(case.pair.initial.matrix, MOTION.matrix, atol=1e-5)


def test_all_missing_files_are_named_at_once(folder):
    index = {"name": "x", "cases": [entry(fixed="no.nii.gz", truth="neither.tfm")]}
    (folder / "dataset.json").write_text(json.dumps(index))
    with pytest.raises(FileFormatError, match=r"2 files are missing: no.nii.gz, neither.tfm"):
        read_dataset(folder)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "cannot read .*dataset.json as JSON"),
        ("[1]", "a dataset is a JSON object, got a list"),
        ('{"name": "x"}', "needs a list 'cases'"),
        ('{"cases": [{"id": "a"}]}', "case 1 lacks fixed and moving"),
        ('{"cases": ["a"]}', "case 1 must be a JSON object, got 'a'"),
        ('{"cases": [{"id": 7, "fixed": "a", "moving": "b"}]}', "the id of case 1 must be text"),
        ('{"cases": [{"id": "a", "fixed": 1, "moving": "b"}]}', "fixed of case 1 must be text"),
        ('{"cases": [{"id": "a", "files": ["b"]}]}', "the files of case 1 must be an object"),
        ('{"registration_val": [["a", "b"]]}', r"case 1 must be a JSON object, got \['a', 'b'\]"),
        ('{"registration_val": null}', "needs a list 'cases'"),
        ('{"registration_val": {"fixed": "a", "moving": "b"}}', "2 files are missing: a, b"),
    ],
)
def test_a_broken_index_is_explained(tmp_path, text, words):
    (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(FileFormatError, match=words):
        read_dataset(tmp_path)


def test_a_folder_without_an_index_is_no_dataset(tmp_path):
    with pytest.raises(FileFormatError, match=r"not a dataset folder: there is no dataset\.json"):
        read_dataset(tmp_path)


def test_a_folder_with_another_index_is_told_which(tmp_path):
    (tmp_path / "X_dataset.json").write_text('{"cases": []}')
    (tmp_path / "A_registration.json").write_text('{"method": "mi"}')
    with pytest.raises(
        FileFormatError, match=r"give the JSON file itself if it is X_dataset\.json"
    ):
        read_dataset(tmp_path)


def test_an_index_may_begin_with_a_mark_and_leave_out_the_group(folder):
    write_dataset(folder, "mine", [entry(group=None)])
    index = folder / "dataset.json"
    index.write_text("\ufeff" + index.read_text(encoding="utf-8"), encoding="utf-8")
    (case,) = read_dataset(folder)
    assert case.group == case.id


def test_two_cases_cannot_share_an_id(folder):
    with pytest.raises(FileFormatError, match="two cases have the id 'p1-a'"):
        write_dataset(folder, "mine", [entry(), entry()])
    assert not (folder / "dataset.json").exists()


def test_learn2reg_pairs_become_cases_with_their_labels(folder):
    for kind, source in (("images", "pet"), ("labels", "labels")):
        (folder / f"{kind}Tr").mkdir()
        for number in (1, 2):
            target = folder / f"{kind}Tr" / f"X_000{number}_0000.nii.gz"
            target.write_bytes((folder / f"{source}.nii.gz").read_bytes())
    pair = {"fixed": "./imagesTr/X_0001_0000.nii.gz", "moving": "./imagesTr/X_0002_0000.nii.gz"}
    index = folder / "X_dataset.json"
    index.write_text(json.dumps({"name": "X", "registration_val": [pair]}))
    (case,) = read_dataset(index)
    assert case.id == "X_0001_0000-X_0002_0000"
    assert case.moving_labels.labels == thorax_labels(SMALL).labels


def test_a_table_of_pairs_is_a_dataset(folder):
    table = folder / "study.csv"
    table.write_text(
        "id;group;fixed;moving;fixed_modality;truth;fixed_landmarks;init\n"
        "p1;anna;pet.nii.gz;ct.nii.gz;pet;truth.tfm;points.csv;truth.tfm\n"
    )
    dataset = read_dataset(table)
    (case,) = dataset
    assert (dataset.name, dataset.ids, case.group) == ("study", ("p1",), "anna")
    assert case.pair.fixed.modality == "pet"
    np.testing.assert_allclose(case.truth.matrix, MOTION.matrix, atol=1e-9)
    np.testing.assert_allclose(case.pair.initial.matrix, MOTION.matrix, atol=1e-9)
    np.testing.assert_allclose(case.fixed_landmarks, np.eye(3))


def test_a_table_of_pairs_has_splits(folder):
    table = folder / "study.csv"
    rows = "".join(
        f"p{n},pet.nii.gz,ct.nii.gz,{part}\n" for n, part in enumerate(("Test", "", "train"))
    )
    table.write_text("id,fixed,moving,split\n" + rows)
    dataset = read_dataset(table)
    assert {name: dataset.split(name).ids for name in ("train", "validation", "test")} == {
        "train": ("p2",),
        "validation": (),
        "test": ("p0",),
    }


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("init", "moments", "init of p1 must be a file of a transform here, got 'moments'"),
        ("problem", "no CT", "p1: no CT; leave the line out"),
        ("truth", "no.tfm", "line 2, column truth: no such file"),
    ],
)
def test_a_line_that_is_no_case_is_refused(folder, column, value, words):
    table = folder / "study.csv"
    table.write_text(f"id,fixed,moving,{column}\np1,pet.nii.gz,ct.nii.gz,{value}\n")
    with pytest.raises(FileFormatError, match=words):
        read_dataset(table)


@pytest.mark.parametrize("where", ["..", "absolute"])
def test_files_in_other_folders_are_read_only_if_allowed(folder, where, monkeypatch):
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    home = ".." if where == ".." else str(folder)
    named = {"id": "a", "fixed": f"{home}/pet.nii.gz", "moving": f"{home}/ct.nii.gz"}
    (elsewhere / "dataset.json").write_text(json.dumps({"cases": [named]}))
    with pytest.raises(
        FileFormatError, match=r"names 2 files elsewhere .*regkit --allow-outside COMMAND"
    ):
        read_dataset(elsewhere)
    monkeypatch.setenv("REGKIT_ALLOW_OUTSIDE", "1")
    assert read_dataset(elsewhere).ids == ("a",)
