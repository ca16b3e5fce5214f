import json
import pickle
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from phantoms import small_pair
from regkit import AffineTransform, Estimate, Grid, LabelMap, Pair, Volume
from regkit.benchmark.handover import hand_pair, handed_pair, read_estimate, write_estimate
from regkit.errors import BenchmarkError
from regkit.registrar import Judgement

TURN = np.array([[0, -1, 0, 3], [1, 0, 0, -5], [0, 0, 1, 7], [0, 0, 0, 1.0]])


def mask_of(volume, label):
    return LabelMap((volume.array > 0) * label, volume.grid, names={label: "body"})


def test_a_method_gets_the_pair_that_was_read(tmp_path):
    plain = small_pair(initial=AffineTransform(TURN))
    masks = {"fixed_mask": mask_of(plain.fixed, 1), "moving_mask": mask_of(plain.moving, 2)}
    pair = replace(plain, **masks, initial_is_guess=True)
    hand_pair(pair, tmp_path)
    found = handed_pair(tmp_path)
    for role in ("fixed", "moving", "fixed_mask", "moving_mask"):
        one, other = getattr(pair, role), getattr(found, role)
        assert type(other) is type(one)
        np.testing.assert_array_equal(other.array, one.array)
        assert (other.grid, other.modality) == (one.grid, one.modality)
        with pytest.raises(ValueError, match="read-only"):
            other.array[0, 0, 0] = 1
    assert found.moving_mask.names == {2: "body"}
    assert found.start.matrix.tolist() == TURN.tolist()
    assert found.initial_is_guess


def test_a_pair_without_masks_and_initial_transform_gets_none(tmp_path):
    hand_pair(small_pair(), tmp_path)
    found = handed_pair(tmp_path)
    assert (found.fixed_mask, found.moving_mask, found.initial) == (None, None, None)


def test_only_one_image_at_a_time_is_in_memory_twice(tmp_path):
    image = Volume(np.ones((64, 64, 64)), Grid((64, 64, 64)))
    hand_pair(Pair(image, replace(image, array=2 * image.array)), tmp_path)
    tracemalloc.start()
    try:
        found = handed_pair(tmp_path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3.2 * found.fixed.array.nbytes  # with both of them it was 4


def test_a_pair_whose_transform_cannot_be_handed_over_is_one_line_for_its_author(tmp_path):
    class Local(AffineTransform):
        pass

    with pytest.raises(BenchmarkError, match=r"class of its transform at the top of a module"):
        hand_pair(small_pair(initial=Local(TURN)), tmp_path)


def test_the_judgement_of_a_method_arrives_whole(tmp_path):
    judgement = Judgement((("CHECK", "it is cut off"),), {"ml": 30.0}, "nothing confirms it")
    facts = write_estimate(Estimate(AffineTransform(TURN)), judgement, tmp_path)
    _, arrived = read_estimate(json.loads(json.dumps(facts)), tmp_path)
    assert arrived == judgement


class Trap:
    """Touches a file where it is unpickled."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return Path.touch, (self.file,)


def test_what_a_method_leaves_in_place_of_the_pair_is_not_read_by_the_process_that_scores(
    tmp_path,
):
    folder, sprung = tmp_path / "handed", tmp_path / "sprung"
    folder.mkdir()
    hand_pair(small_pair(), folder)
    (file,) = folder.iterdir()
    file.write_bytes(pickle.dumps(Trap(sprung)))
    facts = write_estimate(Estimate(AffineTransform(TURN)), None, folder)
    found, _ = read_estimate(facts, folder)
    assert found.transform.matrix.tolist() == TURN.tolist()
    assert not sprung.exists()
    pickle.loads(file.read_bytes())  # a trap it is
    assert sprung.exists()
