"""``regkit batch`` on the command line."""

import json

import pytest

pytestmark = pytest.mark.end_to_end


def test_a_batch_is_listed_run_and_reviewed(run, pair_files, tmp_path):
    table, out = tmp_path / "pairs.csv", tmp_path / "out"
    table.write_text("id;fixed;moving\r\np1;pet.nii.gz;ct.nii.gz\r\n", encoding="utf-8")
    listed = run("batch", table, "--list")
    assert listed.exit_code == 0
    assert listed.stdout == f"id,fixed,moving\np1,{pair_files[0]},{pair_files[1]}\n"
    assert not out.exists()
    command = ("batch", table, "-m", "identity", "-o", out)
    first = run(*command, "--json")
    found = json.loads(first.stdout)
    assert first.exit_code == (3 if found["counts"]["FAIL"] else 0)
    assert found["pairs"][0]["status"] == "ok"
    (tmp_path / "marks.csv").write_text("id,mark,note\np1,fail,shifted\n", encoding="utf-8")
    again = run(*command, "--reviewed", tmp_path / "marks.csv")
    assert again.exit_code == first.exit_code
    assert "1 pair: " in again.stdout
    assert ",fail,shifted," in (out / "batch.csv").read_text(encoding="utf-8")
    assert "1 failed" in (out / "methods.md").read_text(encoding="utf-8")


def test_a_pair_whose_files_cannot_be_written_is_no_result(run, pair_files, tmp_path):
    (tmp_path / "pairs.csv").write_text("id,fixed,moving\np1,pet.nii.gz,ct.nii.gz\n")
    result = run(
        "batch", tmp_path / "pairs.csv", "-m", "identity", "--dicom", "-o", tmp_path / "o"
    )
    assert result.exit_code == 3
    assert "1 pair: 0 OK, 0 CHECK, 0 FAIL, 1 failed" in result.stdout
    assert "--retry-failed tries them again" in result.stdout
    assert "is not DICOM" in (tmp_path / "o" / "batch.csv").read_text(encoding="utf-8")
    assert "0 of 1 pairs of images" in (tmp_path / "o" / "methods.md").read_text(encoding="utf-8")


def test_errors_are_one_line(run, tmp_path):
    table = tmp_path / "pairs.csv"
    table.write_text("id,fixed,moving\np1,a.nii,b.nii\n", encoding="utf-8")
    result = run("batch", table, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "line 2, column fixed: no such file" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()
