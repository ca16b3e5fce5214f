"""Pairs of folders: of patients, of a BIDS dataset, of DICOM; what is ambiguous is listed."""

import json
from pathlib import Path

import pytest

from regkit.batches.batch_kind import REORIENTATION
from regkit.batches.found_image import stated_modality
from regkit.batches.pair_sources import read_pairs
from regkit.batches.pair_table import pair_table
from regkit.errors import FileFormatError, ParameterError


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def test_patients_are_found_by_modality_and_nothing_is_guessed(tmp_path: Path, caplog) -> None:
    touch(tmp_path, "p1/PET.nii.gz", "p1/sub/p1_CT.nii.gz", "p1/p1_CT_seg.nii.gz")
    touch(tmp_path, "p2/pet.nii.gz", "p2/ct_lung.nii.gz", "p2/ct_soft.nii.gz")
    touch(tmp_path, "p3/pet.nii.gz", "notes/readme.txt")
    one, two, three = read_pairs(tmp_path, "pet,ct")
    assert one.values["fixed"] == str(tmp_path / "p1" / "PET.nii.gz")
    assert one.values["moving"] == str(tmp_path / "p1" / "sub" / "p1_CT.nii.gz")
    assert (one.values["fixed_modality"], one.values["moving_modality"]) == ("pet", "ct")
    assert "2 images are called 'ct': ct_lung.nii.gz (CT), ct_soft.nii.gz (CT)" in two.problem
    assert "no image is called 'ct'; there are pet.nii.gz (PET)" in three.problem
    assert "there are no images in the folders notes" in caplog.text
    assert not read_pairs(tmp_path, "pet,ct lung")[1].problem


def test_bids_is_read_by_subject_and_session(tmp_path: Path) -> None:
    touch(tmp_path, "dataset_description.json", "derivatives/sub-1/pet/sub-1_pet.nii.gz")
    for session in ("a", "b"):
        start = f"sub-1/ses-{session}"
        touch(tmp_path, f"{start}/pet/sub-1_ses-{session}_pet.nii.gz")
        touch(tmp_path, f"{start}/anat/sub-1_ses-{session}_T1w.nii.gz")
    touch(tmp_path, "sub-2/pet/sub-2_trc-FDG_pet.nii.gz", "sub-2/anat/sub-2_T1w.nii.gz")
    pairs = read_pairs(tmp_path, "T1w,pet")
    assert [pair.id for pair in pairs] == ["sub-1_ses-a", "sub-1_ses-b", "sub-2"]
    assert not any(pair.problem for pair in pairs)
    assert pairs[1].values["moving"].endswith("sub-1_ses-b_pet.nii.gz")


def test_a_folder_needs_roles_and_patients(tmp_path: Path) -> None:
    touch(tmp_path, "p1/pet.nii.gz", "p1/ct.nii.gz")
    with pytest.raises(ParameterError, match="there are 1 ct, 1 pet"):
        read_pairs(tmp_path)
    with pytest.raises(ParameterError, match="as in pet,ct; got 'pet'"):
        read_pairs(tmp_path, "pet")
    with pytest.raises(FileFormatError, match="none of 1 patients has one image called 'us'"):
        read_pairs(tmp_path, "us,mr")
    with pytest.raises(FileFormatError, match="each patient needs a folder of its own"):
        read_pairs(tmp_path / "p1", "pet,ct")


def test_results_that_lie_beside_patients_are_no_patient(tmp_path: Path) -> None:
    touch(tmp_path, "p1/pet.nii.gz", "p1/ct.nii.gz", "out/records.jsonl", "out/p1/x_pet.nii.gz")
    assert [pair.id for pair in read_pairs(tmp_path, "pet,ct")] == ["p1"]
    loose = tmp_path / "loose"
    touch(loose, "a.nii.gz", "b.nii.gz", "batch/records.jsonl", "batch/a/reorientation_sa.nii.gz")
    assert sorted(pair.id for pair in read_pairs(loose, kind=REORIENTATION)) == ["a", "b"]


def test_images_beside_the_folders_of_patients_are_told(tmp_path: Path, caplog) -> None:
    touch(tmp_path, "p1/pet.nii.gz", "p1/ct.nii.gz", "p2_pet.nii.gz", "notes.csv")
    assert [pair.id for pair in read_pairs(tmp_path, "pet,ct")] == ["p1"]
    assert "images beside the folders of patients are not used: p2_pet.nii.gz" in caplog.text
    assert "notes.csv" not in caplog.text


def test_ids_that_some_file_systems_take_for_one_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "P1.nii.gz", "p1.nrrd")
    with pytest.raises(FileFormatError, match="the id 'P1' stands there twice"):
        read_pairs(tmp_path, kind=REORIENTATION)


def test_an_image_of_a_dataset_is_named_for_its_folder_and_for_its_file(tmp_path: Path) -> None:
    touch(tmp_path, "a.nii.gz", "b.nii.gz", "a_labels.nii.gz")
    case = {"id": "p", "fixed": "a.nii.gz", "fixed_modality": "spect", "moving": "b.nii.gz"}
    case["fixed_labels"] = "a_labels.nii.gz"
    content = {"name": "set", "version": 1, "cases": [case]}
    (tmp_path / "dataset.json").write_text(json.dumps(content))
    for source in (tmp_path, tmp_path / "dataset.json"):
        (image,) = read_pairs(source, "spect", REORIENTATION)
        assert image.values["moving"] == str(tmp_path / "a.nii.gz")
        assert image.values["moving_labels"] == str(tmp_path / "a_labels.nii.gz")


def test_a_table_of_images_is_told_and_written_with_its_own_headings(tmp_path: Path) -> None:
    table = tmp_path / "images.csv"
    table.write_text("id,image,modality\np1,a.nii.gz,spect\n")
    with pytest.raises(FileFormatError, match="line 2, column image: no such file"):
        read_pairs(table, kind=REORIENTATION)
    touch(tmp_path, "a.nii.gz")
    found = read_pairs(table, kind=REORIENTATION)
    assert pair_table(found, REORIENTATION.layout).splitlines()[0] == "id,image,modality"


@pytest.mark.parametrize(
    ("name", "modality"),
    [
        ("p1_SPECT.nii.gz", "spect"),
        ("umap.nii", "mu"),
        ("sub-1_T1w.nii.gz", "mr"),
        ("pet_ct.nii.gz", ""),
        ("scan.mha", ""),
    ],
)
def test_names_state_modalities(tmp_path: Path, name: str, modality: str) -> None:
    assert stated_modality(tmp_path / name) == modality
