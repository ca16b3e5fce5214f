"""Files with a known right answer: every line of the benchmark is right."""

import pytest

import file_cases

pytestmark = pytest.mark.end_to_end


def test_every_file_has_its_right_answer(shared_files):
    found = [file_cases.outcome(case, shared_files) for case in file_cases.cases(shared_files)]
    wrong = [f"{line['file']}: {line['found']}" for line in found if not line["right"]]
    assert len(found) > 50
    assert not wrong, "\n".join(wrong)


def test_a_wrong_answer_and_an_exception_are_told(tmp_path):
    def fails():
        raise KeyError("odd")

    case = file_cases.FileCase("group", "a|b.nii", "right", fails)
    line = file_cases.outcome(case, tmp_path)
    assert not line["right"]
    assert line["found"] == "KeyError: 'odd'"
    good = file_cases.FileCase("group", "c.nii", "right", lambda: ("1 | 2", True))
    table = file_cases.table([line, file_cases.outcome(good, tmp_path)])
    assert "| WRONG |" in table
    assert "1 \\| 2" in table
    assert table.endswith("1 of 2 right")
