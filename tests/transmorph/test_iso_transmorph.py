"""Refinement from every start: affine motions are found, and what began it is told."""

import json
from dataclasses import replace

import numpy as np
import pytest

from regkit import AffineTransform, Pair, rigid
from regkit.errors import DeviceError, MissingDependencyError, ParameterError, RegistrationError
from regkit.registration.pipeline import build_method
from regkit.registry import default_registry
from regkit.testing import phantom_pairs
from regkit.testing.phantom import thorax
from regkit.testing.phantom_pairs import body_points, distance_mm
from regkit_instance.torch_backend import chen2024 as published
from regkit_transmorph.iso import InstanceSpecific
from regkit_transmorph.registrar import TransMorph
from transmorph_weights import ANYTHING, card, domain, write_weights

pytestmark = pytest.mark.registration

GRID = phantom_pairs.covering()
TRUTH = AffineTransform.about(
    rigid((6, -5, 9)).matrix[:3, :3] @ np.diag([1.07, 0.94, 1.05]), (12, -15, 20), (0, 0, 0)
)
NEAR = rigid((2, -2, 1.5), (5, -4, 3))


@pytest.fixture
def nowhere(tmp_path, monkeypatch) -> None:
    """No weights are installed."""
    monkeypatch.setenv("REGKIT_WEIGHTS", str(tmp_path))
    monkeypatch.setattr("regkit.weights._folder_of", lambda package: tmp_path)


def pair(initial=None) -> Pair:
    return Pair(thorax(GRID), thorax(GRID, "pet", TRUTH), initial=initial)


def error_mm(found) -> float:
    return distance_mm(found.transform, TRUTH, body_points())


def test_the_device_reaches_the_refinement(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU that is not there is refused, not passed over in silence."""
    method = build_method("transmorph-mi-iso", {"start": "initial", "device": "cuda:99"})
    with pytest.raises(DeviceError, match="'cuda:99' cannot be used here"):
        method.register(pair(TRUTH))


@pytest.mark.parametrize("measure", ["cr", "mi"])
def test_without_weights_a_search_begins(nowhere, measure) -> None:
    found = build_method(f"transmorph-{measure}-iso", {"samples": 20_000}).register(pair())
    assert error_mm(found) < 2.5
    told = json.loads(json.dumps(dict(found.diagnostics), allow_nan=False))
    assert (told["start"], told["measure"]) == ("search", f"{measure}-ngf")
    assert told["why"] == f"there are no weights transmorph-{measure}"
    assert told["shape"]["determinant"] == pytest.approx(TRUTH.determinant, abs=0.05)
    assert told["started"]["starts"] > 100
    assert told["preparation"] == {
        "fixed": {"modality": "ct", "unit": "HU", "body_mask": False},
        "moving": {"modality": "pet", "unit": "SUV", "body_mask": False, "highest_suv": 5.0},
    }


def test_the_initial_map_can_be_the_start() -> None:
    start = TRUTH @ NEAR
    found = InstanceSpecific(samples=20_000, start="initial").register(pair(start))
    assert error_mm(found) < 2.0 < distance_mm(start, TRUTH, body_points())
    assert found.diagnostics["start"] == "initial"


def test_nine_parameters_have_no_shears() -> None:
    start = AffineTransform.shift((9, -12, 15))
    found = InstanceSpecific(samples=20_000, start="initial", model="anisotropic").register(
        pair(start)
    )
    np.testing.assert_allclose(found.diagnostics["shape"]["shears"], 0, atol=1e-6)
    assert error_mm(found) < 3.0
    # Also after a start that is a rotation and scales itself.
    askew = AffineTransform.about(
        rigid((4, -3, 6)).matrix[:3, :3] @ np.diag([1.05, 0.96, 1.03]), (9, -12, 15), (0, 0, 0)
    )
    found = InstanceSpecific(samples=20_000, start="initial", model="anisotropic").register(
        pair(askew)
    )
    np.testing.assert_allclose(found.diagnostics["shape"]["shears"], 0, atol=1e-6)
    assert error_mm(found) < 3.0


def test_the_network_starts_where_it_is_trusted(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("REGKIT_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(TransMorph, "compares_with_start", False)  # the weights are random
    write_weights(tmp_path)
    trusted = InstanceSpecific(samples=5000, passes=1).register(pair())
    assert trusted.diagnostics["start"] == "network"
    assert trusted.diagnostics["started"]["network"] == "cr"
    strange = domain("ct", ANYTHING | {"mean": (5.0, 6.0)})
    write_weights(tmp_path, card(fixed=strange))
    doubted = InstanceSpecific(samples=5000, passes=1).register(pair())
    assert doubted.diagnostics["start"] == "search"
    assert "mean intensity is 0." in doubted.diagnostics["why"]
    asked = InstanceSpecific(samples=5000, passes=1, start="network").register(pair())
    assert asked.diagnostics["start"] == "network"


def test_what_a_network_doubts_is_told_when_it_was_asked_for(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("REGKIT_WEIGHTS", str(tmp_path))
    strange = domain("ct", ANYTHING | {"mean": (5.0, 6.0)})
    write_weights(tmp_path, card(fixed=strange))
    found = InstanceSpecific(samples=5000, passes=1, start="network").register(pair())
    assert any("mean intensity is 0." in words for words in found.diagnostics["warnings"])


@pytest.mark.parametrize("start", ["auto", "initial", "search"])
def test_another_unit_is_refused_whatever_the_start(nowhere, start) -> None:
    whole = pair()
    becquerel = replace(whole, moving=whole.moving.with_array(whole.moving.array * 9000))
    with pytest.raises(RegistrationError, match="the PET must be in SUV"):
        InstanceSpecific(samples=5000, start=start).register(becquerel)
    shifted = replace(whole, fixed=whole.fixed.with_array(whole.fixed.array + 1024))
    with pytest.raises(RegistrationError, match="the CT must be in HU"):
        InstanceSpecific(samples=5000, start=start).register(shifted)


def test_images_that_do_not_say_are_taken_for_ct_and_pet(nowhere) -> None:
    told = pair(TRUTH @ NEAR)
    untold = replace(
        told, fixed=replace(told.fixed, modality=""), moving=replace(told.moving, modality="")
    )
    iso = InstanceSpecific(samples=5000, start="initial")
    one, other = iso.register(told), iso.register(untold)
    np.testing.assert_array_equal(one.transform.matrix, other.transform.matrix)
    assert not any("taken for" in words for words in one.diagnostics["warnings"])
    assert sum("taken for" in words for words in other.diagnostics["warnings"]) == 2


def test_a_mistyped_name_of_weights_is_no_reason_for_a_search(nowhere) -> None:
    with pytest.raises(MissingDependencyError, match="weights missing"):
        InstanceSpecific(weights="transmorf-cr").register(pair())


def test_a_network_that_was_asked_for_must_be_there(nowhere) -> None:
    with pytest.raises(
        MissingDependencyError, match="weights missing: regkit train transmorph-cr"
    ):
        InstanceSpecific(start="network").register(pair())


@pytest.mark.slow
@pytest.mark.parametrize("measure", ["cr", "mi"])
def test_the_published_schedule_is_of_patches(monkeypatch, measure) -> None:
    monkeypatch.setattr(published, "FACTORS", (4, 2))
    monkeypatch.setattr(published, "ITERATIONS", (60, 20))
    start = TRUTH @ NEAR
    iso = InstanceSpecific(measure, start="initial", iso_preset="paper", rate=5e-4)
    found = iso.register(pair(start))
    assert found.diagnostics["measure"] == f"local-{measure}"
    assert found.diagnostics["improved"]
    assert error_mm(found) < 0.7 * distance_mm(start, TRUTH, body_points())


def test_they_are_there_without_weights(nowhere) -> None:
    for measure in ("cr", "mi"):
        assert default_registry().method(f"transmorph-{measure}-iso").problem == ""


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ParameterError, match="iso_preset 'paper' is affine only"):
        InstanceSpecific(iso_preset="paper", model="anisotropic")
    with pytest.raises(ParameterError, match="bins must be from 8"):
        InstanceSpecific(bins=2)
