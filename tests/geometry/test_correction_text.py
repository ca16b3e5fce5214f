"""The sentence that says which way to move what, against where points of the patient go."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regkit import rigid
from regkit.geometry.motion_text import correction_in_words

# Each phrase: an end of the body, and the direction that it goes, x, y, z in LPS.
TOP, FRONT = (0.0, 0.0, 1.0), (0.0, -1.0, 0.0)
TURNS = {
    "its top to the front": (TOP, (0, -1, 0)),
    "its top to the back": (TOP, (0, 1, 0)),
    "its top to the patient's left": (TOP, (1, 0, 0)),
    "its top to the patient's right": (TOP, (-1, 0, 0)),
    "its front to the patient's left": (FRONT, (1, 0, 0)),
    "its front to the patient's right": (FRONT, (-1, 0, 0)),
}
SHIFTS = {"left": (1, 0, 0), "right": (-1, 0, 0), "back": (0, 1, 0), "front": (0, -1, 0)}
SHIFTS |= {"higher": (0, 0, 1), "lower": (0, 0, -1)}


def sentence(euler_deg=(0, 0, 0), shift_mm=(0, 0, 0)) -> str:
    return correction_in_words(rigid(euler_deg, shift_mm).matrix.tolist(), shift_mm, "CT")


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("degrees", [-20, 9])
def test_a_turn_is_the_way_that_the_moving_image_has_to_go(axis, degrees) -> None:
    euler = [0, 0, 0]
    euler[axis] = degrees
    words = sentence(euler)
    assert words.startswith(f"to match, turn the CT by {abs(degrees)}.0° (mainly its ")
    (end, direction), *others = [turn for phrase, turn in TURNS.items() if phrase in words]
    assert others == []
    # The inverse of the map, from moving to fixed points, is what moves the moving image.
    went = rigid(euler).inverse().map_points(np.array([end]))[0] - end
    assert went @ direction > 0.9 * np.linalg.norm(went)


@given(st.tuples(*[st.floats(-60, 60)] * 3))
def test_a_shift_is_the_way_that_the_moving_image_has_to_go(shift) -> None:
    words = sentence(shift_mm=shift)
    went = rigid(translation_mm=shift).inverse().map_points(np.zeros((1, 3)))[0]
    if np.abs(went).max() < 0.5:
        assert words == "according to this result, the CT need not be moved"
        return
    for name, direction in SHIFTS.items():
        assert (name in words) == (went @ direction >= 0.5)


def test_both_in_one_sentence() -> None:
    assert sentence((0, 0, 8), (5, 0, -12)) == (
        "to match, move the CT about 12 mm higher and 5 mm to the patient's right and turn it by "
        "8.0° (mainly its front to the patient's right)"
    )
