"""In training a network sees what it will see in use, look after look."""

import json

import numpy as np
import pytest
import torch

from regkit import IDENTITY, Grid, Pair, resample, rigid
from regkit.datasets.case import Case
from regkit.geometry.transform import AffineTransform
from regkit.learning.preprocessing import fill_unknown, pad_in_plane, preprocess
from regkit.testing.phantom import thorax
from regkit_pairnets.train.augmentation import Augmentation, FieldOfView, full_field_of_view
from regkit_pairnets.train.batch_sampler import FILL_VALUE, BatchSampler
from regkit_pairnets.train.config import PairNetConfig
from regkit_pairnets.train.task import MotionTask

FIXED = Grid((20, 20, 20), (18.0, 18.0, 18.0), (-171.0, -171.0, -171.0))
MOVING = {
    "as the fixed one": FIXED,
    "a few slices, further up": Grid((7, 20, 20), (18.0, 18.0, 18.0), (-171.0, -171.0, -20.0)),
    "narrow and beside": Grid((20, 14, 12), (18.0, 18.0, 18.0), (-140.0, -90.0, -150.0)),
}
TRUTH = rigid((4, -3, 12), (15, -20, 8))
FOUND = rigid((3, -2, 9), (10, -14, 6))
PRESET = PairNetConfig(
    fixed="pet",
    moving="ct",
    shape_zyx=(10, 12, 12),
    spacing=(30.0, 30.0, 30.0),
    truncation_prob=0.5,
    axial_coverage=(0.4, 0.9),
)


@pytest.mark.parametrize("moving", list(MOVING))
@pytest.mark.parametrize("found", [IDENTITY, FOUND], ids=["first look", "second look"])
def test_training_shows_what_use_shows(moving, found) -> None:
    pair = Pair(thorax(FIXED, "pet"), thorax(MOVING[moving], "ct", TRUTH))
    arrays, facts = MotionTask.prepare_case(Case("one", pair, truth=TRUTH), PRESET)
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    views = BatchSampler(PRESET, [MotionTask.load_case(tensors, json.loads(json.dumps(facts)))])

    ready = pad_in_plane(preprocess(pair.moving, "ct", PRESET.spacing), 400.0)
    in_use = fill_unknown(resample(ready, views.grid, found, outside=np.nan), FILL_VALUE)
    left = found.inverse() @ TRUTH
    field = full_field_of_view(views.cases[0])
    _, shown = views.pairs(
        [Augmentation(0, left, field=FieldOfView(field.low, field.high, found))]
    )
    index = np.moveaxis(np.indices(views.grid.shape_zyx), 0, -1)
    points = found.map_points(views.grid.to_physical(index))
    # At its very sides an image fades within a voxel in the one, and in half a voxel in the other.
    sides = np.minimum(np.abs(points - field.low), np.abs(points - field.high)).min(axis=-1)
    deep = sides > 18.0
    assert deep.mean() > 0.4
    np.testing.assert_allclose(shown[0].numpy()[deep], in_use[deep], atol=0.01)
    assert (in_use > 0.3).mean() > 0.02
    assert (in_use == FILL_VALUE).any() == (moving == "a few slices, further up")


def test_a_field_of_view_is_where_the_header_puts_it() -> None:
    offset = AffineTransform.shift((30.0, -20.0, 45.0))
    corners = MOVING["narrow and beside"].corners()
    fixed = Grid(FIXED.shape_zyx, FIXED.spacing, tuple(offset.map_points(FIXED.origin)))
    pair = Pair(thorax(fixed, "pet"), thorax(MOVING["narrow and beside"], "ct"))
    arrays, facts = MotionTask.prepare_case(Case("one", pair, truth=IDENTITY), PRESET)
    case = MotionTask.load_case({n: torch.from_numpy(a) for n, a in arrays.items()}, facts)
    np.testing.assert_allclose(full_field_of_view(case).low, corners.min(axis=0) - fixed.centre)
    np.testing.assert_allclose(full_field_of_view(case).high, corners.max(axis=0) - fixed.centre)
