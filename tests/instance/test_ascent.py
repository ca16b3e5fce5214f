"""Searches that are compiled from start to end do what the interpreted ones do."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.spatial.transform import Rotation

from phantoms import small_pair
from regkit import rigid
from regkit.registration.pipeline import build_method
from regkit.testing.phantom_pairs import body_points, distance_mm
from regkit_instance.measures import SampledMetric
from regkit_instance.motion import Motion
from regkit_instance.numba_backend.ascent import compose, move, turn_slopes

RADIUS_MM = 80.0
RNG = np.random.default_rng(1)
MAPS = RNG.normal(size=(5, 3, 4))


@pytest.mark.parametrize("length", [0.0, 1e-9, 1.0, 200.0])
def test_a_step_is_that_of_a_rigid_motion(length: float) -> None:
    steps, out = length * RNG.normal(size=(5, 6)), np.empty((3, 4))
    expected = Motion("rigid", RADIUS_MM).step(MAPS, steps)
    for start, step, moved in zip(MAPS, steps, expected, strict=True):
        move(start, step, RADIUS_MM, out)
        assert_allclose(out, moved, atol=1e-12)
        turn = Rotation.from_rotvec(step[3:] / RADIUS_MM).as_matrix()
        assert_allclose(out[:, :3], turn @ start[:, :3], atol=1e-12)


def test_slopes_by_an_indexed_map_become_those_by_rigid_steps() -> None:
    to_index, by_blocks = RNG.normal(size=(3, 4)), RNG.normal(size=(5, 2, 3, 4))
    indexed, slopes = np.empty((3, 4)), np.empty(6)
    by_maps = to_index[:, :3].T @ by_blocks.sum(axis=1)
    expected = Motion("rigid", RADIUS_MM).tangent(MAPS, by_maps)
    for at, blocks, told in zip(MAPS, by_blocks, expected, strict=True):
        turn_slopes(blocks, to_index, at, RADIUS_MM, slopes)
        assert_allclose(slopes, told, atol=1e-12)
        compose(to_index, at, indexed)
        whole = np.vstack([at, [0, 0, 0, 1]])
        assert_allclose(indexed, to_index @ whole, atol=1e-12)


@pytest.mark.registration
def test_compiled_searches_end_where_interpreted_ones_do(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = small_pair(rigid((4.0, -3.0, 6.0), (12.0, -8.0, 10.0)))
    done: list[int] = []
    compiled = SampledMetric.ascend

    def counted(self: SampledMetric, *given: object) -> int:
        done.append(compiled(self, *given))  # type: ignore[arg-type]
        return done[-1]

    def register() -> object:
        return build_method("fast-mi").register(pair).transform

    monkeypatch.setattr(SampledMetric, "ascend", counted)
    one = register()
    assert max(done) > 0
    monkeypatch.setattr(SampledMetric, "ascend", lambda *_: 0)
    assert distance_mm(one, register(), body_points()) < 0.01  # mm: rounding of sums
