"""Steps and gradients of motions; scipy's rotations and differences are the judges."""

import numpy as np
import pytest
from hypothesis import given
from scipy.spatial.transform import Rotation

from regkit.geometry.rotation import rotations
from regkit_instance.motion import PARAMETERS, Motion
from strategies import DEGREES, triples

MODELS = list(PARAMETERS)


@given(triples(DEGREES))
def test_rotations_are_those_of_their_vectors(degrees) -> None:
    vector = np.deg2rad(degrees)
    judge = Rotation.from_rotvec(vector).as_matrix()
    assert rotations(vector[None])[0] == pytest.approx(judge, abs=1e-9)


def some_map(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    linear = Rotation.random(rng=rng).as_matrix() @ np.diag(rng.uniform(0.7, 1.4, 3))
    return np.concatenate([linear, rng.normal(size=(3, 1)) * 50], axis=1)


@pytest.mark.parametrize("model", MODELS)
def test_gradients_by_steps_are_those_of_differences(model) -> None:
    motion, start = Motion(model, 90.0), some_map(1)
    weights = np.random.default_rng(2).normal(size=(3, 4))

    def value(step: np.ndarray) -> float:
        return float(np.sin(motion.step(start[None], step[None])[0] * weights / 50).sum())

    entries = np.cos(start * weights / 50) * weights / 50
    slope = motion.tangent(start[None], entries[None])[0]
    steps = np.eye(motion.size) * 1e-3
    differences = [(value(s) - value(-s)) / 2e-3 for s in steps]
    assert slope == pytest.approx(differences, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("model", MODELS)
def test_a_step_of_one_moves_the_edge_by_about_a_millimetre(model) -> None:
    motion = Motion(model, 90.0)
    edge = np.random.default_rng(3).normal(size=(500, 3))
    edge *= 90 / np.linalg.norm(edge, axis=1, keepdims=True)
    for step in np.eye(motion.size):
        moved = motion.step(np.eye(3, 4)[None], step[None])[0]
        distance = np.linalg.norm(edge @ moved[:, :3].T + moved[:, 3] - edge, axis=1)
        assert 0.9 < distance.max() <= 1.02
        assert distance.mean() > 0.4


def test_rigid_steps_stay_rigid_and_turn_about_the_centre() -> None:
    motion = Motion("rigid", 50.0)
    step = np.array([[3.0, -4.0, 5.0, 40.0, 20.0, -30.0]])
    moved = motion.step(motion.step(np.eye(3, 4)[None], step), step)[0]
    assert moved[:, :3] @ moved[:, :3].T == pytest.approx(np.eye(3), abs=1e-12)
    assert moved[:, 3] == pytest.approx((6.0, -8.0, 10.0))


def test_similarity_scales_all_axes_alike_and_anisotropic_each() -> None:
    still = np.zeros((1, 9))
    scaled = Motion("similarity", 10.0).step(np.eye(3, 4)[None], np.r_[still[0, :6], 1.0][None])
    assert scaled[0, :, :3] == pytest.approx(np.eye(3) * np.exp(0.1))
    still[0, 6:] = (1.0, 2.0, -1.0)
    stretched = Motion("anisotropic", 10.0).step(np.eye(3, 4)[None], still)
    assert stretched[0, :, :3] == pytest.approx(np.diag(np.exp((0.1, 0.2, -0.1))))
