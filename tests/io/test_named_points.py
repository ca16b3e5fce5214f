"""Points with names come from landmarks or from labels, by the ending of the file."""

import numpy as np
import pytest

from regkit import Grid, LabelMap, write_landmarks, write_volume
from regkit.errors import FileFormatError
from regkit.io.landmarks import Landmarks
from regkit.io.named_points import read_named_points

GRID = Grid((4, 5, 6), (2.0, 2.0, 3.0))


def test_landmarks_are_read_with_their_names(tmp_path):
    write_landmarks([(1, 2, 3), (4, 5, 6)], tmp_path / "a.csv", "RAS", ["apex", "base"])
    found = read_named_points(tmp_path / "a.csv")
    assert isinstance(found, Landmarks)
    assert found.labels == ("apex", "base")
    np.testing.assert_array_equal(found.points, [(1, 2, 3), (4, 5, 6)])


def test_any_other_file_is_a_label_map(tmp_path):
    marked = np.zeros(GRID.shape_zyx, np.uint8)
    marked[1, 2, 3] = 5
    write_volume(LabelMap(marked, GRID), tmp_path / "a.nii.gz")
    found = read_named_points(tmp_path / "a.nii.gz")
    assert isinstance(found, LabelMap)
    assert found.labels == (5,)


@pytest.mark.parametrize("name", ["none.csv", "none.nii.gz"])
def test_a_missing_file_is_named(name, tmp_path):
    with pytest.raises(FileFormatError, match=name):
        read_named_points(tmp_path / name)
