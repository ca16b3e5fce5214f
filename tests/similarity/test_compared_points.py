import numpy as np
import pytest
from scipy.stats import entropy

from phantoms import MOTION, SMALL, small_pair
from regkit import IDENTITY, Grid, LabelMap, Pair, Volume, resample, rigid
from regkit.similarity.compared_points import SmallerField
from regkit.similarity.local_climb import climb
from regkit.similarity.mutual_information import BINS, normalized_mutual_information
from regkit.similarity.point_sample import values_at
from regkit.similarity.small_motions import SmallMotions


def by_the_formula(first, second):
    """(H(A) + H(B)) / H(A, B) of bins of equal population, by histograms of numpy and scipy."""
    known = np.isfinite(second)
    pair = [np.asarray(v)[known].astype(np.float32) for v in (first, second)]
    ranked = []
    for values in pair:
        edges = np.quantile(values, np.arange(1, BINS) / BINS).astype(np.float32)
        ranked.append((values[:, np.newaxis] > edges).sum(axis=1))
    joint = np.histogram2d(*ranked, bins=np.arange(-0.5, BINS))[0]
    return (entropy(joint.sum(0)) + entropy(joint.sum(1))) / entropy(joint.ravel())


@pytest.mark.parametrize("shift_mm", [0.0, 40.0, 120.0])
def test_the_similarity_is_that_of_the_formula(shift_mm):
    pair = small_pair()
    points = SmallerField.of(pair).compared_by(MOTION)
    motion = rigid((3, 0, 5), (shift_mm, 0, 0))
    found = points.similarities(motion.matrix[np.newaxis])[0]
    mapped = motion.map_points(points.mapped)
    expected = by_the_formula(points.sample.values, values_at(pair.moving, mapped))
    assert found == pytest.approx(expected, abs=2e-4)
    through = normalized_mutual_information(points.sample, pair.moving, motion @ MOTION)
    assert found == pytest.approx(through, abs=2e-4)


def test_only_points_in_both_masks_count():
    pair = small_pair()
    marked = np.zeros(SMALL.shape_zyx, np.uint8)
    marked[8:28] = 1
    masks = {"fixed_mask": LabelMap(marked, SMALL), "moving_mask": LabelMap(marked, SMALL)}
    points = SmallerField.of(Pair(pair.fixed, pair.moving, **masks)).compared_by(MOTION)
    assert (values_at(masks["fixed_mask"], points.sample.points) != 0).all()
    both = values_at(masks["moving_mask"], points.mapped) != 0
    there = np.where(both, values_at(pair.moving, points.mapped), np.nan)
    expected = by_the_formula(points.sample.values, there)
    assert points.similarity() == pytest.approx(expected, abs=2e-4)


def test_the_smaller_field_is_that_within_a_mask():
    pair = small_pair()
    assert not SmallerField.of(pair).is_moving
    marked = np.zeros(SMALL.shape_zyx, np.uint8)
    marked[0, 0, 0] = 1
    assert SmallerField.of(Pair(pair.fixed, pair.moving, None, LabelMap(marked, SMALL))).is_moving


def test_little_overlap_is_worth_little_though_it_looks_similar_by_chance():
    rng = np.random.default_rng(0)
    noise = [Volume(rng.random(SMALL.shape_zyx), SMALL) for _ in range(2)]
    points = SmallerField.of(Pair(*noise)).compared_by(rigid())
    corner = rigid(translation_mm=np.multiply(SMALL.extent, 0.6)).matrix[np.newaxis]
    assert points.similarities(corner)[0] > points.similarity() + 0.05
    assert points.weighted_similarities(corner)[0] < 0.015


def test_motions_move_a_body_by_their_steps():
    body = np.random.default_rng(0).normal((10, 20, -30), (30, 40, 50), (5000, 3))
    around = SmallMotions.of(body)
    for i, matrix in enumerate(around.rigid(2.0 * np.eye(6))):
        moved = body @ matrix[:3, :3].T + matrix[:3, 3]
        apart = np.linalg.norm(moved - body, axis=1)
        assert np.sqrt((apart**2).mean()) == pytest.approx(2.0, rel=0.3 if i > 2 else 1e-6)
        assert np.linalg.det(matrix) == pytest.approx(1.0)
    axis = np.array([[0.6, 0.0, 0.8]])
    mirror, turn = around.reflections(axis)[0], around.half_turns(axis)[0]
    assert np.linalg.det(mirror) == pytest.approx(-1.0)
    assert np.linalg.det(turn) == pytest.approx(1.0)
    for matrix, along in ((mirror, -1.0), (turn, 1.0)):
        ahead = np.append(around.centre + axis[0], 1.0)
        assert matrix @ ahead == pytest.approx(np.append(around.centre + along * axis[0], 1.0))
        assert matrix @ matrix == pytest.approx(np.eye(4), abs=1e-12)


def test_a_climb_finds_the_top_of_a_smooth_hill():
    body = np.random.default_rng(0).normal(0, 50, (200, 3))
    top = rigid((6, -4, 5), (9, -7, 12)).matrix

    def score(motions):
        moved = np.einsum("bij,nj->bni", motions[:, :3, :3], body) + motions[:, np.newaxis, :3, 3]
        there = body @ top[:3, :3].T + top[:3, 3]
        return np.exp(-((moved - there) ** 2).sum(axis=-1).mean(axis=-1) / 400)

    found = climb(score, np.eye(4), SmallMotions.of(body), (8.0, 1.0), 20)
    assert score(found[np.newaxis])[0] > 0.999


def test_a_climb_with_stretches_finds_a_stretched_and_sheared_body():
    body = np.random.default_rng(0).normal(0, 50, (200, 3)) + np.array((5.0, 30.0, -9.0))
    top = np.eye(4)
    top[:3] = [[1.1, 0.04, 0, 5], [-0.03, 0.9, 0.05, -4], [0, 0.02, 1.05, 3]]

    def score(motions):
        moved = np.einsum("bij,nj->bni", motions[:, :3, :3], body) + motions[:, np.newaxis, :3, 3]
        there = body @ top[:3, :3].T + top[:3, 3]
        return np.exp(-((moved - there) ** 2).sum(axis=-1).mean(axis=-1) / 400)

    about = SmallMotions.of(body)
    rigid_only = climb(score, np.eye(4), about, (8.0, 0.5), 20)
    found = climb(score, rigid_only, about, (4.0, 0.5), 20, stretching=True)
    assert score(rigid_only[np.newaxis])[0] < 0.9
    assert score(found[np.newaxis])[0] > 0.995


@pytest.mark.parametrize("direction", [0, 2, 6, 8, 9, 11])
def test_affine_motions_move_a_body_by_the_step_on_average(direction):
    body = np.random.default_rng(0).normal(0, 1, (5000, 3)) * (20, 50, 90) + np.array(
        (5.0, 30.0, -9.0)
    )
    motion = SmallMotions.of(body).affine(3.0 * np.eye(12)[[direction]])[0]
    away = body @ motion[:3, :3].T + motion[:3, 3] - body
    assert np.sqrt((away**2).sum(axis=1).mean()) == pytest.approx(3.0, rel=1e-6)
    assert direction < 3 or away.mean(axis=0) == pytest.approx([0, 0, 0], abs=1e-9)


def test_a_balanced_sample_is_half_body_however_much_air_there_is():
    wide = Grid((36, 36, 36), (30.0, 30.0, 30.0), (-525.0, -525.0, -525.0))
    fixed = Volume(resample(small_pair().fixed, wide).array, wide, "pet")
    pair = Pair(fixed, Volume(np.zeros((72, 72, 72)), Grid((72, 72, 72), (30.0,) * 3), "ct"))
    plain, balanced = SmallerField.of(pair), SmallerField.of(pair, balanced=True)
    assert plain.sample.foreground.mean() < 0.1
    body = min(0.5, 5 * plain.sample.foreground.mean())
    assert balanced.sample.foreground.mean() == pytest.approx(body, abs=0.05)
    assert len(balanced.sample.points) == len(plain.sample.points)
    some = balanced.compared_by(IDENTITY).split(2000)[0]
    assert some.sample.foreground.mean() == pytest.approx(body, abs=0.05)
