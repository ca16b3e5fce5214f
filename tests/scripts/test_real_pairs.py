"""Pairs and peers of the benchmarks: motions, truth, and what is told of a run."""

import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk

import pairs
import peers
from ants_script import AntsScript
from greedy import RAS, Greedy
from phantoms import MOTION, SMALL, small_pair
from regkit import AffineTransform, Estimate, Pair, rigid
from regkit.errors import RegistrationError
from regkit.geometry.rotation import rotation_angle
from regkit.similarity.point_sample import values_at
from regkit.testing.phantom import thorax

BODY = np.random.default_rng(0).uniform(-70, 70, (200, 3))
CENTRE = np.array((10.0, -20.0, 30.0))


def _motions(angle_deg: float, offset_mm: float, count: int) -> list[AffineTransform]:
    rng = np.random.default_rng(0)
    return [pairs.random_motion(rng, angle_deg, offset_mm, CENTRE) for _ in range(count)]


def test_motions_stay_within_their_limits() -> None:
    for motion in _motions(20, 25, 200):
        assert motion.is_rigid
        assert rotation_angle(motion.matrix[:3, :3]) <= 20
        assert np.linalg.norm(motion.map_points(CENTRE) - CENTRE) <= 25


@pytest.mark.simulation
def test_any_rotation_means_the_haar_measure() -> None:
    turns = np.array([motion.matrix[:3, :3] for motion in _motions(180, 0, 4000)])
    # Of uniform rotations every entry has mean 0 and mean square 1/3, and (pi - 2)/(2 pi) of the
    # angles lie below 90 degrees.
    np.testing.assert_allclose(turns.mean(axis=0), 0, atol=0.04)
    np.testing.assert_allclose((turns**2).mean(axis=0), 1 / 3, atol=0.02)
    below = np.mean([rotation_angle(turn) < 90 for turn in turns])
    assert below == pytest.approx((np.pi - 2) / (2 * np.pi), abs=0.02)


def test_a_moved_image_shows_the_same_where_the_motion_leads() -> None:
    volume = thorax(SMALL, "ct")
    there = values_at(pairs.moved(volume, MOTION), MOTION.map_points(BODY))
    np.testing.assert_allclose(there, values_at(volume, BODY), atol=0.05)


def test_brains_lie_in_the_mask_and_show_there_what_their_files_show(shared_data) -> None:
    folder = shared_data / "mni2009c_multicontrast"
    mask, *images = (
        sitk.ReadImage(str(folder / f"2mm_{name}.nii.gz")) for name in ("brainmask", "T2", "PD")
    )
    for pair, image in zip(pairs.brains(shared_data), images, strict=True):
        points = pair.points[:500].tolist()
        marked = [mask[mask.TransformPhysicalPointToIndex(point)] for point in points]
        assert np.mean(marked) > 0.99
        expected = [image.EvaluateAtPhysicalPoint(point) for point in points]
        shown = values_at(pair.moving, np.array(points))  # interpolated twice: a little blurred
        assert np.corrcoef(shown, expected)[0, 1] > 0.97


@pytest.mark.registration
def test_both_contrasts_of_the_head_show_the_same_place(shared_data) -> None:
    (pair,) = pairs.of_size(shared_data, "64")
    assert pair.fixed.grid.shape_zyx == pair.moving.grid.shape_zyx == (51, 64, 64)
    assert pair.fixed.grid.spacing == pytest.approx((4, 4, 5))
    one = values_at(pair.fixed, pair.points)

    def explained(shift_mm: tuple[float, float, float]) -> float:
        """Return the share of the variance of one contrast that the other explains."""
        other = values_at(pair.moving, pair.points + shift_mm)
        classes = np.array_split(other[np.argsort(one)], 50)
        return 1 - np.average([c.var() for c in classes]) / other.var()

    aside = [tuple(sign * row) for row in 3 * np.eye(3) for sign in (-1, 1)]
    assert explained((0, 0, 0)) > max(map(explained, aside)) + 0.05


def test_where_a_pet_shines_its_ct_shows_soft_tissue(shared_data) -> None:
    pair = next(pairs.pet_ct(shared_data))
    assert (pair.fixed.modality, pair.moving.modality) == ("pet", "ct")
    assert -150 < np.nanmedian(values_at(pair.moving, pair.points)) < 150


class Finds:
    """A method that finds what it is told to, or fails."""

    def __init__(self, answer: AffineTransform | None = None) -> None:
        self.answer = answer
        self.seen: list[Pair] = []

    def register(self, pair: Pair) -> Estimate:
        self.seen.append(pair)
        if self.answer is None:
            raise RegistrationError("lost\nits way")
        return Estimate(self.answer)


def test_an_attempt_tells_errors_in_mm() -> None:
    shifted = AffineTransform.shift((0, 0, 3)) @ MOTION
    told = peers.attempt(Finds(shifted), small_pair(), MOTION, BODY)
    assert (told["tre_mm"], told["tre_max_mm"]) == pytest.approx((3, 3))
    assert told["error"] == ""
    assert told["cpu_s"] >= 0
    assert 0 <= told["wall_s"] < 60


def test_a_method_that_stops_has_failed() -> None:
    told = peers.attempt(Finds(), small_pair(), MOTION, BODY)
    assert told["error"] == "RegistrationError: lost its way"
    assert "tre_mm" not in told
    assert peers.errors_mm([told, {"tre_mm": 1.0}]).tolist() == [np.inf, 1.0]


HOARDS = """
import numpy as np
import peers
from phantoms import MOTION, small_pair
from regkit import Estimate

class Hoards:
    def register(self, pair):
        held = np.ones(20_000_000)
        return Estimate(MOTION) if held[-1] else None

print(peers.attempt(Hoards(), small_pair(), MOTION, np.zeros((1, 3)))["extra_mb"])
"""


def test_memory_of_an_attempt_is_what_it_held_at_most() -> None:
    """In a process of its own: other tests may free memory meanwhile."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", HOARDS], env=environment, capture_output=True, text=True, check=True
    )
    assert float(done.stdout) == pytest.approx(160, abs=20)


def test_methods_that_cannot_run_are_left_out_aloud(capsys, monkeypatch) -> None:
    monkeypatch.setattr("peers.find_spec", lambda name: None)
    found = peers.built(["identity", "nonsense", "greedy", "mi@centre"], threads=1)
    assert list(found) == ["identity", "mi@centre"]
    assert found["mi@centre"].registrar.threads == 1
    told = capsys.readouterr().err
    assert "left out: no method is called 'nonsense'" in told
    assert "left out: greedy needs picsl_greedy" in told


def test_a_start_is_found_before_the_method() -> None:
    method = Finds(MOTION)
    pair = small_pair()
    away = Pair(pair.fixed, pairs.moved(pair.moving, AffineTransform.shift((90, 0, 0))))
    peers.From("centre", method).register(away)
    np.testing.assert_allclose(method.seen[0].start.map_points((0, 0, 0)), (90, 0, 0), atol=1e-6)


def test_tools_are_built_as_their_names_say(monkeypatch) -> None:
    monkeypatch.setattr("peers.find_spec", lambda name: True)
    found = peers.built(["ants-quick", "ants-full", "greedy", "greedy-search"], threads=2)
    assert list(found.values()) == [
        *(AntsScript("quick"), AntsScript("full"), Greedy(2), Greedy(2, searches=True))
    ]
    assert all(peers.is_peer(name) for name in ("mi", "ants-rigid", *peers.TOOLS))
    assert not any(peers.is_peer(name) for name in peers.OURS)


@pytest.mark.registration
def test_the_script_of_ants_is_understood() -> None:
    """The start is far from the headers, so a map of another direction would not do."""
    fixed, begun = thorax(SMALL, "ct"), rigid((3, 0, -5), (15, -10, 10)) @ MOTION
    pair = Pair(fixed, pairs.moved(fixed, MOTION), initial=begun)
    found = AntsScript("quick").register(pair).transform
    apart = np.linalg.norm(found.map_points(BODY) - MOTION.map_points(BODY), axis=1)
    assert apart.mean() < 2


def test_greedy_is_understood(monkeypatch) -> None:
    """A stand-in lays voxel on voxel, and answers in RAS as greedy does."""
    commands: list[str] = []

    class Greedy3D(dict):
        def execute(self, command, fixed, moving, **rest):
            commands.append(command)
            self["found"] = RAS @ _affine(moving) @ np.linalg.inv(_affine(fixed)) @ RAS

    monkeypatch.setitem(sys.modules, "picsl_greedy", SimpleNamespace(Greedy3D=Greedy3D))
    fixed = thorax(SMALL, "ct")
    for initial in (None, rigid((10, 20, -30), (5, 6, 7))):
        pair = Pair(fixed, pairs.moved(fixed, MOTION), initial=initial)
        for searches in (False, True):
            found = Greedy(searches=searches).register(pair).transform
            np.testing.assert_allclose(found.matrix, MOTION.matrix, atol=1e-9)
            assert ("-search 1000 any 10 " in commands[-1]) is searches


def _affine(image: sitk.Image) -> np.ndarray:
    """Return the map of indices x, y, z to LPS mm."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    matrix[:3, 3] = image.GetOrigin()
    return matrix
