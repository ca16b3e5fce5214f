"""The stage `iso` improves what it is given, by every measure, and never makes it worse."""

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
import torch

from phantoms import MOTION, SMALL, small_pair
from regkit import (
    AffineTransform,
    DisplacementField,
    Grid,
    LabelMap,
    Pair,
    Transform,
    Volume,
    rigid,
)
from regkit.errors import ParameterError, RegistrationError
from regkit.geometry.transform import linear_part
from regkit.plugin import MethodSpec
from regkit.registration.pipeline import build_method
from regkit.registry import Plugin, RegisteredSpec
from regkit.testing import phantom_pairs
from regkit.testing.conformance import MethodUnderTest, run_check
from regkit.testing.phantom import thorax
from regkit_instance.iso import InstanceOptimization
from regkit_instance.measures import WeightedSum
from regkit_instance.prepared_pair import PreparedPair
from regkit_instance.torch_backend import bridge
from regkit_instance.torch_backend import chen2024 as published
from regkit_instance.torch_backend.point_sampler import PointSampler

pytestmark = pytest.mark.registration

QUICK = ("mi-ngf", "cr-ngf", "mi", "nmi", "cr", "lncc", "ngf")
OF_PATCHES = ("local-cr", "mi-cr-ngf")  # slow with the published schedule
MEASURES = (*QUICK, *OF_PATCHES, "mind", "mi-mind")
BODY = np.random.default_rng(0).uniform(-70, 70, (200, 3))
NEAR = rigid((2.0, -2.0, 1.5), (5.0, -4.0, 3.0))


def _error_mm(found: Transform, truth: Transform = MOTION) -> float:
    return float(np.linalg.norm(found.map_points(BODY) - truth.map_points(BODY), axis=1).mean())


@pytest.mark.parametrize(
    "check",
    [
        "returns its model",
        "maps fixed to moving, oblique",
        "supports initial",
        "supports both masks",
    ],
)
@pytest.mark.parametrize("measure", MEASURES[1:])
def test_every_measure_keeps_the_contract(measure: str, check: str) -> None:
    spec = MethodSpec(
        name="iso",
        target="regkit_instance.iso:InstanceOptimization",
        preset={"measure": measure},
        supports=frozenset({"initial", "fixed_mask", "moving_mask"}),
    )
    found = run_check(check, MethodUnderTest(RegisteredSpec(spec, Plugin("instance", "", "", ""))))
    assert found.status == "ok", found.why


@pytest.mark.parametrize("measure", MEASURES)
def test_the_end_is_at_least_as_good_as_the_start(measure: str) -> None:
    iso = InstanceOptimization(measure, samples=5000)
    start = MOTION @ NEAR
    pair = small_pair(initial=start)
    for _ in range(3):
        estimate = iso.register(pair)
        told = estimate.diagnostics
        if told["improved"]:
            assert told["similarity_after"] > told["similarity_before"]
        else:
            assert told["similarity_after"] == told["similarity_before"]
            assert _error_mm(estimate.transform, pair.start) < 1e-9
        pair = dataclasses.replace(pair, initial=estimate.transform)
    assert _error_mm(pair.start) < _error_mm(start) / 2


def test_nothing_better_leaves_the_start_untouched() -> None:
    rng = np.random.default_rng(0)
    noise = Volume(rng.random(SMALL.shape_zyx), SMALL)
    found = InstanceOptimization("lncc").register(Pair(noise, noise))
    assert not found.diagnostics["improved"]
    assert _error_mm(found.transform, rigid()) == 0


def test_an_affine_motion_needs_the_affine_model() -> None:
    linear = rigid((5, -4, 6)).matrix[:3, :3] @ np.diag([1.08, 0.94, 1.05])
    truth = AffineTransform.about(linear, (6, -5, 8), (0, 0, 0))
    pair = small_pair(truth, initial=NEAR)
    errors = {
        model: _error_mm(InstanceOptimization("mi-ngf", model).register(pair).transform, truth)
        for model in ("rigid", "affine")
    }
    assert errors["affine"] < 2 < min(errors["rigid"], _error_mm(pair.start, truth))


def test_a_similarity_keeps_angles() -> None:
    truth = AffineTransform.about(1.07 * rigid((5, -4, 6)).matrix[:3, :3], (6, -5, 8), (0, 0, 0))
    pair = Pair(thorax(SMALL, "ct"), thorax(SMALL, "ct", truth))
    found = InstanceOptimization(model="similarity").register(pair).transform
    linear = linear_part(found, (0.0, 0.0, 0.0))
    scale = np.cbrt(np.linalg.det(linear))
    assert scale == pytest.approx(1.07, abs=0.01)
    np.testing.assert_allclose(linear.T @ linear, scale**2 * np.eye(3), atol=1e-6)
    assert _error_mm(found, truth) < 1


@pytest.mark.parametrize("measure", MEASURES)
def test_a_bent_start_stays_bent(measure: str) -> None:
    grid = Grid((9, 9, 9), (60.0, 60.0, 60.0), (-240.0, -240.0, -240.0))
    index = np.stack(np.meshgrid(*map(np.arange, grid.shape_zyx), indexing="ij"), axis=-1)
    initial = DisplacementField(np.sin(grid.to_physical(index)[..., ::-1] / 60) * 8, grid)
    pair = small_pair(initial, initial=initial)
    found = InstanceOptimization(measure).register(pair).transform
    assert _error_mm(found, initial) < 3 < _error_mm(rigid(), initial)


def test_it_is_a_stage_of_a_pipeline() -> None:
    estimate = build_method("moments+iso", {"measure": "cr"}).register(small_pair())
    assert _error_mm(estimate.transform) < 1.5
    assert json.loads(json.dumps(dict(estimate.diagnostics)))["measure"] == "cr"


@pytest.mark.parametrize("measure", ["mi", "lncc", "ngf", "mind"])
def test_masks_that_never_meet_are_told(measure: str) -> None:
    here, there = np.zeros((2, *SMALL.shape_zyx), dtype=np.uint8)
    here[2:10], there[-10:-2] = 1, 1
    pair = small_pair()
    pair = Pair(pair.fixed, pair.moving, LabelMap(here, SMALL), LabelMap(there, SMALL))
    with pytest.raises(RegistrationError, match="too little of the fixed image maps inside"):
        InstanceOptimization(measure).register(pair)


@pytest.mark.parametrize(
    ("fixed", "moving", "measure"),
    [
        ("pet", "ct", "mind"),
        ("ct", "mr", "mind"),
        ("spect", "mu", "mi-cr-ngf"),
        ("ct", "spect", "mi-cr-ngf"),
        ("pet", "mu", "mi-ngf"),
        ("mr", "us", "mi-ngf"),
        ("", "", "mi-ngf"),
    ],
)
def test_the_measure_follows_the_modalities(fixed: str, moving: str, measure: str) -> None:
    pair = small_pair(initial=MOTION @ NEAR)
    pair = dataclasses.replace(
        pair,
        fixed=Volume(pair.fixed.array, SMALL, fixed),
        moving=Volume(pair.moving.array, SMALL, moving),
    )
    assert InstanceOptimization(samples=2000).register(pair).diagnostics["measure"] == measure


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"bins": 3}, "bins must be from 8"),
        ({"levels": 0}, "levels must be from 1"),
        ({"device": "gpu"}, "device takes auto, cpu, cuda or cuda:N, got 'gpu'"),
    ],
)
def test_what_cannot_be_is_refused(values: dict, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        InstanceOptimization(**values)


@pytest.mark.parametrize("preset", ["fast", "paper"])
def test_a_device_that_is_not_there_is_refused(preset: str) -> None:
    iso = InstanceOptimization(preset=preset, device="cuda:99")
    with pytest.raises(ParameterError, match=r"'cuda:99' cannot be used here: .* GPU"):
        iso.register(small_pair())


def test_cuda_means_the_torch_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here torch has only a CPU, which stands in for the GPU: the same place is found."""
    used: list[torch.device] = []

    def sampler_on(*arguments: Any) -> PointSampler:
        used.append(arguments[-1])
        return real(*arguments)

    real = bridge.sampler_on
    monkeypatch.setattr(bridge, "sampler_on", sampler_on)
    monkeypatch.setattr("regkit.learning.device.device_named", lambda _: torch.device("cpu"))
    ends = [
        InstanceOptimization("mi", device=device).register(small_pair())
        for device in ("cpu", "cuda")
    ]
    assert used
    body = np.random.default_rng(0).uniform(-70, 70, (200, 3))
    one, other = (end.transform.map_points(body) for end in ends)
    assert np.linalg.norm(one - other, axis=1).mean() < 0.1


class TestPaper:
    """The published schedule, cut short."""

    @pytest.fixture(autouse=True)
    def _fewer_steps(self, monkeypatch) -> None:
        monkeypatch.setattr(published, "FACTORS", (4, 2, 1))
        monkeypatch.setattr(published, "ITERATIONS", (60, 30, 5))

    @pytest.mark.parametrize(
        "measure", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in OF_PATCHES)]
    )
    def test_every_measure_comes_closer(self, measure: str) -> None:
        problem = phantom_pairs.oblique()
        near = AffineTransform.about(rigid((2, -2, 1)).matrix[:3, :3], (5, -4, 3), problem.centre)
        pair = dataclasses.replace(problem.pair, initial=problem.truth @ near)
        iso = InstanceOptimization(measure, preset="paper", rate=5e-4)
        estimate = iso.register(pair)
        assert problem.error_mm(estimate.transform) < 0.3 * problem.error_mm(pair.start)
        assert isinstance(estimate.transform, AffineTransform)
        assert estimate.transform.is_rigid
        told = json.loads(json.dumps(dict(estimate.diagnostics), allow_nan=False))
        assert told["loss_after"] < told["loss_before"]
        assert [scale["steps"] for scale in told["scales"]] == [60, 30, 5]

    def test_masks_say_which_part_counts(self) -> None:
        problem = phantom_pairs.torn()
        near = AffineTransform.about(rigid((2, -2, 1)).matrix[:3, :3], (5, -4, 3), problem.centre)
        pair = dataclasses.replace(problem.pair, initial=problem.truth @ near)
        everywhere = dataclasses.replace(pair, fixed_mask=None, moving_mask=None)
        iso = InstanceOptimization("cr", preset="paper", rate=5e-4)
        masked, unmasked = (
            problem.error_mm(iso.register(p).transform) for p in (pair, everywhere)
        )
        assert masked < 0.3 * problem.error_mm(pair.start) < unmasked

    @pytest.mark.parametrize(("model", "numbers"), [("similarity", 7), ("affine", 12)])
    def test_models(self, model: str, numbers: int) -> None:
        truth = AffineTransform.about(np.eye(3) * 1.05, (0, 0, 0), (0, 0, 0))
        pair = Pair(thorax(SMALL, "ct"), thorax(SMALL, "ct", truth))
        iso = InstanceOptimization("cr", model=model, preset="paper", rate=5e-4)
        linear = linear_part(iso.register(pair).transform, (0.0, 0.0, 0.0))
        assert np.cbrt(np.linalg.det(linear)) == pytest.approx(1.05, abs=0.015)
        scale = np.cbrt(np.linalg.det(linear))
        is_similarity = np.allclose(linear.T @ linear, scale**2 * np.eye(3), atol=1e-5)
        assert is_similarity == (numbers == 7)


def test_two_measures_together_are_their_sum() -> None:
    """Values and derivatives; so the peak is where neither could gain what the other loses."""
    images = PreparedPair.prepare(small_pair(), 1, 0)
    intensities, other = (images.measure(name, 0, 4000, 32) for name in ("mi", "cr"))
    maps = np.stack([np.eye(3, 4), NEAR.matrix[:3]])
    value, slope = WeightedSum(intensities, other, 3.0).values_and_gradients(maps)
    np.testing.assert_allclose(value, WeightedSum(intensities, other, 3.0).values(maps), rtol=1e-6)
    parts = [measure.values_and_gradients(maps) for measure in (intensities, other)]
    np.testing.assert_allclose(value, parts[0][0] + 3 * parts[1][0])
    np.testing.assert_allclose(slope, parts[0][1] + 3 * parts[1][1])
