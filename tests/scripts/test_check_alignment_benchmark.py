"""The benchmark of the alignment check: its shifts, and its table."""

import numpy as np

import check_alignment


def test_shifts_are_none_one_voxel_and_up_to_five():
    for patient in range(12):
        found = dict(check_alignment.shifts(7, patient))
        lengths = {name: np.linalg.norm(shift) for name, shift in found.items()}
        assert list(lengths) == list(check_alignment.MOTIONS)
        assert lengths["aligned"] == 0
        assert np.allclose([lengths["axis"], lengths["oblique"]], 6.8)
        assert 6.8 <= lengths["larger"] <= 34
    axes = {tuple(np.sign(dict(check_alignment.shifts(7, p))["axis"])) for p in range(6)}
    assert len(axes) == 6, "six patients have all six directions"


def test_the_table_counts_what_is_told_and_right():
    case = {"seed": 1, "patient": 0, "breathing": False, "method": "m"}
    records = [
        {**case, "motion": motion, "status": status, "true_mm": true, "shift_mm": found}
        | {"expected_error_mm": 1.0}
        for motion, status, true, found in (
            ("aligned", "OK", [0, 0, 0], [1, 0, 0]),
            ("axis", "FAIL", [0, 0, 6.8], [0, 0, 6.0]),
            ("oblique", "OK", [6.8, 0, 0], [2.8, 0, 0]),
            ("larger", "CHECK", [0, 20, 0], [0, 21.5, 0]),
        )
    ]
    rows = check_alignment.table(records).splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert cells[0][1:5] == ["1", "0 of 1", "0 of 1", "1 of 1"]
    assert cells[-1][1:5] == ["3", "2 of 3", "1 of 3", "2 of 3"]
    assert cells[-1][5:] == ["1.5 (4.0)", "1.0", "2 of 3"]
