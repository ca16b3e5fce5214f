import numpy as np
import pytest

from phantoms import small_pair
from regkit.benchmark.handover import hand_pair, handed_pair


def test_a_method_gets_the_pair_that_was_read(tmp_path):
    pair = small_pair()
    hand_pair(pair, tmp_path)
    found = handed_pair(tmp_path)
    for role in ("fixed", "moving"):
        one, other = getattr(pair, role), getattr(found, role)
        np.testing.assert_array_equal(other.array, one.array)
        assert (other.grid, other.modality) == (one.grid, one.modality)
        with pytest.raises(ValueError, match="read-only"):
            other.array[0, 0, 0] = 1
    assert found.start.matrix.tolist() == pair.start.matrix.tolist()
