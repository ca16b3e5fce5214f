"""Prepared cases: made once, read back, split by patients; what is damaged is named."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from regkit.datasets.case import Case
from regkit.datasets.folder import read_dataset
from regkit.errors import FileFormatError, ParameterError, UnknownNameError
from regkit.learning.case_cache import CaseCache
from regkit.learning.training_data import open_training_data
from regkit.learning.training_job import TrainingJob
from regkit.registry import default_registry
from small_training import write_cases


@pytest.fixture(scope="module")
def cases(tmp_path_factory) -> Path:
    return write_cases(tmp_path_factory.mktemp("pooled"), count=3)


def means(case: Case):
    return {"mean": np.array([case.pair.fixed.array.mean()])}, {"id": case.id}


def job(data: object, folder: Path) -> TrainingJob:
    return TrainingJob("any", str(data), folder, default_registry())


def test_cases_are_prepared_once_and_read_back(cases, tmp_path) -> None:
    seen = []

    def counted(case: Case):
        seen.append(case.id)
        return means(case)

    dataset = read_dataset(cases)
    for _ in range(2):
        progress = list(CaseCache(dataset, tmp_path, counted).build("cases"))
        assert (progress[-1].done, progress[-1].total) == (3, 3)
    assert seen == ["p0", "p1", "p2"]
    for (tensors, facts), case in zip(
        CaseCache(dataset, tmp_path, means).load(), dataset, strict=True
    ):
        assert facts == {"id": case.id}
        assert float(tensors["mean"]) == pytest.approx(case.pair.fixed.array.mean(), rel=1e-6)


def test_a_damaged_file_is_named(cases, tmp_path) -> None:
    cache = CaseCache(read_dataset(cases), tmp_path, means)
    list(cache.build("cases"))
    (tmp_path / "000001.safetensors").write_bytes(b"\0" * 50)
    with pytest.raises(FileFormatError, match=r"000001.safetensors is damaged; delete it"):
        list(cache.load())


def test_a_dataset_that_changed_is_another_one(cases, tmp_path) -> None:
    """Its prepared cases must not be taken for those of the dataset as it was."""
    folder = tmp_path / "own"
    shutil.copytree(cases, folder)
    origins = [open_training_data(job(folder, tmp_path), (1, 1), {}).origin]
    origins.append(open_training_data(job(folder, tmp_path), (1, 1), {}).origin)
    os.utime(folder / "1-ct.nii.gz", ns=(1, 1))
    origins.append(open_training_data(job(folder, tmp_path), (1, 1), {}).origin)
    index = json.loads((folder / "dataset.json").read_text())
    index["cases"].pop()
    (folder / "dataset.json").write_text(json.dumps(index))
    origins.append(open_training_data(job(folder, tmp_path), (1, 1), {}).origin)
    assert origins[0] == origins[1]
    assert len({origin["version"] for origin in origins}) == 3


def test_no_patient_is_in_both_parts(cases, tmp_path) -> None:
    source = open_training_data(job(cases, tmp_path), (1, 1), {})
    train, validation = (
        {case.group or case.id for case in part} for part in (source.train, source.validation)
    )
    assert len(train) == 2
    assert len(validation) == 1
    assert not train & validation


def test_too_few_patients_and_no_dataset(tmp_path) -> None:
    one = write_cases(tmp_path / "one", count=1)
    with pytest.raises(ParameterError, match="training needs two patients or more"):
        open_training_data(job(one, tmp_path), (1, 1), {})
    with pytest.raises(UnknownNameError, match="nowhere"):
        open_training_data(job("nowhere", tmp_path), (1, 1), {})


def test_a_made_dataset_has_its_own_validation(tmp_path) -> None:
    source = open_training_data(job("pet-ct", tmp_path), (5, 2), {"coarser": 12})
    assert (len(source.train), len(source.validation)) == (5, 2)
    assert (source.train.split, source.validation.split) == ("train", "validation")
    assert source.origin == {"name": "pet-ct", "parameters": {"coarser": 12}}
