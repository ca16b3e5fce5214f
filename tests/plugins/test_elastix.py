"""elastix finds exact motions, repeats itself, and leaves nothing behind; it may be missing."""

import sys
from importlib.util import find_spec
from types import ModuleType

import numpy as np
import pytest

from phantoms import MOTION, SMALL, small_pair
from regkit import DisplacementField, Grid, LabelMap, Pair, Transform, Volume, rigid
from regkit.errors import MissingDependencyError, ParameterError, RegistrationError
from regkit.geometry.rotation import rotation_matrix
from regkit.registry import default_registry
from regkit.testing.phantom import thorax
from regkit_classic.elastix import ElastixRigid

BODY = np.random.default_rng(0).uniform(-70, 70, (200, 3))


# Importing itk here would crash it: its modules warn, and warnings are errors in tests.
needs_elastix = pytest.mark.skipif(
    find_spec("itk") is None, reason="needs itk-elastix: pip install itk-elastix"
)


def _error_mm(found: Transform, truth: Transform) -> float:
    return float(np.linalg.norm(found.map_points(BODY) - truth.map_points(BODY), axis=1).mean())


@needs_elastix
def test_a_motion_is_found_twice_the_same_silently_and_without_a_trace(
    capfd, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first, second = (ElastixRigid(threads=n).register(small_pair()).transform for n in (1, 2))
    assert first.is_rigid
    assert _error_mm(first, MOTION) < 1.5
    assert _error_mm(first, second) < 1e-5
    other = ElastixRigid(seed=1).register(small_pair()).transform
    assert 1e-3 < _error_mm(first, other) < 1.5
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


@needs_elastix
def test_itk_is_left_with_the_threads_it_had() -> None:
    threads = []
    for asked in (1, 2):
        ElastixRigid(resolutions=1, iterations=1, threads=asked).register(small_pair())
        threads.append(sys.modules["itk"].MultiThreaderBase.GetGlobalDefaultNumberOfThreads())
    assert threads[0] == threads[1]


@needs_elastix
def test_flipped_left_handed_and_oblique_axes() -> None:
    turn = rotation_matrix((25, -15, 40))
    fixed = _around_the_origin(turn * (-1, -1, 1), (9.0, 8.0, 10.0))
    moving = _around_the_origin(turn.T * (1, 1, -1), (8.0, 10.0, 9.0))
    pair = Pair(thorax(fixed, "pet"), thorax(moving, "ct", MOTION))
    assert _error_mm(ElastixRigid().register(pair).transform, MOTION) < 1.5


def _around_the_origin(axes: np.ndarray, spacing: tuple[float, float, float]) -> Grid:
    affine = np.eye(4)
    affine[:3, :3] = axes * spacing
    affine[:3, 3] = -affine[:3, :3] @ (18.5, 18.5, 18.5)
    return Grid.from_affine((38, 38, 38), affine)


@needs_elastix
def test_the_motion_found_comes_after_the_initial_map() -> None:
    initial = rigid((0, 0, 100), (150, 30, -80))
    truth = MOTION @ initial
    corner = truth.map_points((0.0, 0.0, 0.0)) - 157.5
    around = Grid(SMALL.shape_zyx, SMALL.spacing, tuple(corner.tolist()))
    pair = Pair(thorax(SMALL, "pet"), thorax(around, "ct", truth), initial=initial)
    assert _error_mm(ElastixRigid().register(pair).transform, truth) < 1.5


@needs_elastix
def test_a_small_moving_mask_alone_is_enough() -> None:
    pair = small_pair()
    middle = np.zeros(SMALL.shape_zyx, dtype=np.uint8)
    middle[6:30, 10:26, 6:30] = 1
    found = ElastixRigid().register(
        Pair(pair.fixed, pair.moving, moving_mask=LabelMap(middle, SMALL))
    )
    assert _error_mm(found.transform, MOTION) < 1.5


@needs_elastix
def test_masks_that_do_not_meet_are_told(capfd) -> None:
    pair = small_pair()
    here, there = np.zeros((2, *SMALL.shape_zyx), dtype=np.uint8)
    here[2:10], there[-10:-2] = 1, 1
    apart = Pair(pair.fixed, pair.moving, LabelMap(here, SMALL), LabelMap(there, SMALL))
    with pytest.raises(RegistrationError, match="elastix stopped without a result; does enough"):
        ElastixRigid().register(apart)
    assert capfd.readouterr() == ("", "")


@needs_elastix
def test_a_non_linear_initial_map_is_refused() -> None:
    bend = DisplacementField(np.ones((*SMALL.shape_zyx, 3)), SMALL)
    with pytest.raises(RegistrationError, match="give a linear initial transform"):
        ElastixRigid().register(small_pair(initial=bend))


def test_thin_images_are_refused() -> None:
    grid = Grid((1, 30, 30))
    thin = Volume(np.random.default_rng(0).random(grid.shape_zyx), grid)
    with pytest.raises(RegistrationError, match="at least 4 along every axis"):
        ElastixRigid().register(Pair(thin, thin))


def test_parameters_out_of_range_are_refused() -> None:
    with pytest.raises(ParameterError, match="samples must be from 100 to"):
        ElastixRigid(samples=5)


def test_without_elastix_one_line_says_what_to_install(monkeypatch) -> None:
    offer = default_registry().method("elastix-rigid")
    monkeypatch.setattr("regkit.registry.find_spec", lambda name: None)
    assert offer.problem == "needs itk-elastix: pip install itk-elastix"
    monkeypatch.undo()
    # Other packages bring `itk` without elastix.
    monkeypatch.setitem(sys.modules, "itk", ModuleType("itk"))
    monkeypatch.delitem(sys.modules, "itk.elxParameterObjectPython", raising=False)
    with pytest.raises(MissingDependencyError, match="without elastix: pip install itk-elastix"):
        ElastixRigid().register(small_pair())
