import json

import pytest

from misbehaving import Streamed, ToyCases
from phantoms import MOTION, SMALL, small_pair
from regkit.benchmark.case_source import CaseReader, DatasetRef
from regkit.datasets.folder import write_dataset
from regkit.errors import BenchmarkError, ParameterError, UnknownNameError
from regkit.io import write_volume
from regkit.io.transforms import write_transform
from regkit.registry import default_registry
from regkit.testing.phantom import thorax_labels


def opened(*arguments):
    return DatasetRef(*arguments).open(default_registry())


@pytest.fixture
def folder(tmp_path):
    pair = small_pair()
    write_volume(pair.fixed, tmp_path / "pet.nii.gz")
    write_volume(pair.moving, tmp_path / "ct.nii.gz")
    write_transform(MOTION, tmp_path / "truth.tfm")
    files = {"fixed": "pet.nii.gz", "moving": "ct.nii.gz", "truth": "truth.tfm"}
    entries = [{"id": f"p{i}", "split": "test" if i else "train", **files} for i in range(3)]
    write_dataset(tmp_path, "mine", entries)
    return tmp_path


def test_a_name_gives_its_cases():
    cases = opened("toy-cases", {"n": 5}, "", 3)
    assert (cases.name, cases.ids) == ("toy-cases", ("case-0", "case-1", "case-2"))
    assert [cases.case(i).id for i in (2, 0, 1)] == ["case-2", "case-0", "case-1"]


def test_a_stream_gives_its_cases_in_any_order():
    cases = opened("toy-stream")
    assert cases.ids == ("case-0", "case-1", "case-2")
    assert [cases.case(i).id for i in (0, 2, 2, 1, 0)] == [f"case-{i}" for i in (0, 2, 2, 1, 0)]
    with pytest.raises(BenchmarkError, match="toy-stream ended before its case 4"):
        cases.case(3)


def test_a_stream_keeps_its_count_over_a_case_that_cannot_be_made():
    cases = CaseReader(Streamed(ToyCases(n=4, unreadable=1)))
    with pytest.raises(OSError, match="the disk is on fire"):
        cases.case(1)
    assert cases.case(2).id == "case-2"


def test_a_stream_is_read_once_where_the_order_allows_it():
    class Counted:
        name, begun = "counted", 0

        def __len__(self):
            return 3

        def __iter__(self):
            self.begun += 1
            return iter(opened("toy-cases").case(i) for i in range(3))

    dataset = Counted()
    cases = CaseReader(dataset)
    assert [cases.case(i).id for i in (0, 2)] == ["case-0", "case-2"]
    assert dataset.begun == 1


def test_a_folder_gives_its_cases(folder):
    cases = opened(str(folder))
    assert (cases.name, cases.ids) == ("mine", ("p0", "p1", "p2"))
    assert cases.case(1).pair.fixed.grid.matches(SMALL)
    assert opened(str(folder), {}, "test").ids == ("p1", "p2")


def test_a_learn2reg_json_gives_its_cases(folder):
    for kind in ("images", "labels"):
        (folder / f"{kind}Tr").mkdir()
        for name in ("A", "B"):
            content = small_pair().fixed if kind == "images" else thorax_labels(SMALL)
            write_volume(content, folder / f"{kind}Tr" / f"{name}.nii.gz")
    index = folder / "L2R_dataset.json"
    pairs = [{"fixed": "./imagesTr/A.nii.gz", "moving": "./imagesTr/B.nii.gz"}]
    index.write_text(json.dumps({"name": "L2R", "registration_val": pairs}))
    cases = opened(str(index))
    assert cases.ids == ("A-B",)
    assert cases.case(0).moving_labels.labels == thorax_labels(SMALL).labels


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("toy-case",), UnknownNameError, "'toy-case' is neither a dataset nor a dataset folder"),
        (("toy-cases", {"m": 3}), ParameterError, "toy-cases has no parameter 'm'"),
        (("toy-cases", {"n": 0}), BenchmarkError, "toy-cases has no cases"),
    ],
)
def test_what_cannot_be_opened_is_explained(arguments, error, words):
    with pytest.raises(error, match=words):
        opened(*arguments)


def test_a_folder_has_no_parameters_and_not_every_split(folder):
    with pytest.raises(BenchmarkError, match="is a folder and has no parameter 'n'"):
        opened(str(folder), {"n": 3})
    with pytest.raises(BenchmarkError, match="has no cases in the split 'validation'"):
        opened(str(folder), {}, "validation")
