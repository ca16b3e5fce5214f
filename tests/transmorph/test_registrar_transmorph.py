"""The registrar around a network that knows the answer, and around one of random weights."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from regkit import AffineTransform, Grid, LabelMap, Pair, Volume, rigid, run
from regkit.errors import (
    FileFormatError,
    MissingDependencyError,
    ParameterError,
    RegistrationError,
)
from regkit.learning import model as learned_model
from regkit.registry import default_registry
from regkit.testing import phantom_pairs
from regkit.testing.conformance import CHECKS, MethodUnderTest, run_check
from regkit.testing.phantom import thorax
from regkit.testing.phantom_pairs import distance_mm
from regkit.weights import find_weights, sha256
from regkit_transmorph import inference
from regkit_transmorph.affine_parameterization import lps_to_normalized, shape_of
from regkit_transmorph.card import TransMorphCard
from regkit_transmorph.registrar import TransMorph
from signed_cards import write_signed_card
from transmorph_weights import ANYTHING, card, domain, write_weights

STILL = np.eye(3, 4)


class Oracle:
    """A network that says of each look what it was told to, and keeps what it was shown."""

    def __init__(self, monkeypatch, its_card: TransMorphCard, *answers) -> None:
        self.card, self.diagnostics, self.answers = its_card, {}, list(answers)
        self.shown: list[tuple[np.ndarray, np.ndarray]] = []
        monkeypatch.setattr(learned_model, "load_model", lambda *_: self)
        monkeypatch.setattr(inference, "predict_map", lambda _, *images: self.map(*images))

    def map(self, fixed: np.ndarray, moving: np.ndarray) -> np.ndarray:
        self.shown.append((fixed, moving))
        return self.answers.pop(0)


def field_of(grid: Grid) -> TransMorphCard:
    """Return a card of a network that sees a grid's field of view."""
    size = np.ptp(grid.corners(), axis=0)
    shape = (24, 16, 20)
    return card(shape_zyx=shape, spacing=tuple((size / shape[::-1]).tolist()))


def stretch(centre) -> AffineTransform:
    linear = rigid((4, -6, 8)).matrix[:3, :3] @ [
        [1.06, 0.03, 0],
        [0.03, 0.95, -0.02],
        [0, -0.02, 1.02],
    ]
    return AffineTransform.about(linear, (9, -12, 15), centre)


@pytest.mark.parametrize("kind", list(phantom_pairs.GRIDS))
def test_the_known_answer_reaches_the_truth(monkeypatch, kind) -> None:
    """Half of an affine map in the first look, what is left of it in the second."""
    monkeypatch.setattr(TransMorph, "compares_with_start", False)  # the images fit without stretch
    problem = phantom_pairs.GRIDS[kind]()
    fixed = problem.pair.fixed.grid
    truth = stretch(fixed.centre) @ problem.truth
    its_card = field_of(fixed)
    grid = its_card.grid(fixed.centre)
    rest = stretch(fixed.centre).inverse() @ truth
    answers = [lps_to_normalized(t, grid, grid) for t in (stretch(fixed.centre), rest)]
    Oracle(monkeypatch, its_card, *answers, STILL)
    found = TransMorph(passes=3).register(problem.pair)
    assert distance_mm(found.transform, truth, problem.points) < 1e-6
    told = json.loads(json.dumps(dict(found.diagnostics), allow_nan=False))
    assert told["shape"]["determinant"] == pytest.approx(truth.determinant)
    assert told["pass_displacement_mm"][2] == 0


def test_the_start_comes_first(monkeypatch) -> None:
    problem = phantom_pairs.plain_problem()
    start = rigid((0, 0, 10), (25, 0, -10))
    Oracle(monkeypatch, card(), STILL)
    pair = replace(problem.pair, initial=start)
    found = TransMorph(passes=1).register(pair).transform
    assert distance_mm(found, start, problem.points) < 1e-9


def test_nine_parameters_leave_the_shears_out(monkeypatch) -> None:
    monkeypatch.setattr(TransMorph, "compares_with_start", False)
    problem = phantom_pairs.plain_problem()
    its_card = field_of(problem.pair.fixed.grid)
    grid = its_card.grid(problem.pair.fixed.grid.centre)
    answer = lps_to_normalized(stretch(grid.centre), grid, grid)
    Oracle(monkeypatch, its_card, answer)
    found = TransMorph(model="anisotropic", passes=1).register(problem.pair).transform
    np.testing.assert_allclose(shape_of(found)["shears"], 0, atol=1e-12)
    np.testing.assert_allclose(shape_of(found)["scales"], shape_of(stretch(grid.centre))["scales"])


def test_it_sees_windows_of_hu_and_suv_and_no_table(monkeypatch) -> None:
    grid = phantom_pairs.covering()
    ct, pet = thorax(grid, "ct"), thorax(grid, "pet")
    tabled = ct.array.copy()
    tabled[:, -1] = 200.0
    shown = []
    for fixed in (ct, ct.with_array(tabled)):
        oracle = Oracle(monkeypatch, field_of(grid), STILL)
        found = TransMorph(passes=1).register(Pair(fixed, pet))
        shown.append(oracle.shown[0])
    np.testing.assert_array_equal(shown[0][0], shown[1][0])
    for image in shown[0]:
        assert image.min() >= 0
        assert 0.1 < image.max() <= 1
    told = found.diagnostics["preparation"]
    assert told["fixed"]["window"] == [-300, 300]
    assert told["moving"]["unit"] == "SUV"
    assert told["fixed"]["removed_ml"] > 0


@pytest.mark.registration
def test_another_field_of_view_is_centred_on_the_body(monkeypatch) -> None:
    shown = []
    wide = phantom_pairs.covering(centre=(70.0, -60.0, 50.0), margin=200.0)
    for grid in (phantom_pairs.covering(), wide):
        oracle = Oracle(monkeypatch, field_of(phantom_pairs.covering()), STILL)
        TransMorph(passes=1).register(Pair(thorax(grid), thorax(grid, "pet")))
        shown.append(oracle.shown[0][0])
    index = np.moveaxis(np.indices(shown[0].shape), 0, -1).reshape(-1, 3)
    centres = [np.average(index, axis=0, weights=s.ravel()) for s in shown]
    np.testing.assert_allclose(*centres, atol=1.0)


def test_masks_hide_what_is_beside_them(monkeypatch) -> None:
    grid = phantom_pairs.covering()
    mask = np.ones(grid.shape_zyx, np.uint8)
    mask[:, :, : grid.shape_zyx[2] // 2] = 0
    oracle = Oracle(monkeypatch, field_of(grid), STILL)
    pair = Pair(thorax(grid), thorax(grid, "pet"), moving_mask=LabelMap(mask, grid))
    found = TransMorph(passes=1).register(pair)
    fixed, moving = oracle.shown[0]
    assert (moving[:, :, :8] == 0).all()
    assert (fixed[:, :, :8] > 0).any()
    assert (moving > 0).any()
    assert found.diagnostics["preparation"]["moving"]["masked"]


@pytest.fixture
def _believed(monkeypatch) -> None:
    """Results are not compared with their start."""
    monkeypatch.setattr(TransMorph, "compares_with_start", False)


@pytest.mark.usefixtures("_believed")
def test_the_guard_tells_the_verdict_why(monkeypatch) -> None:
    strange = domain("pet", ANYTHING | {"mean": (0.9, 1.0)})
    other = domain("ct", ANYTHING | {"voxel_mm": (0.0, 4.0)})
    far = np.array([[1, 0, 0, 0.4], [0, 1, 0, 0], [0, 0, 1, 0.0]])
    Oracle(monkeypatch, card(fixed=other, moving=strange), far, far)
    grid = phantom_pairs.covering()
    pair = Pair(thorax(grid), thorax(grid, "pet"))
    result = run(TransMorph(), pair)
    words = "; ".join(result.verdict.reasons)
    assert result.verdict.status != "OK"
    assert "the moving image's mean intensity is 0." in words
    assert (
        "the fixed image's voxel size in mm is 8; the training images of transmorph-cr had"
        in words
    )
    assert "the last of 2 passes still moved the image by 80.0 mm" in words


@pytest.mark.usefixtures("_believed")
def test_folded_and_stretched_answers_are_judged(monkeypatch) -> None:
    grid = phantom_pairs.covering()
    pair = Pair(thorax(grid), thorax(grid, "pet"))
    for factors, status, words in (
        ((-1, 1, 1), "FAIL", "folds or mirrors"),
        ((1.5, 1, 0.7), "CHECK", "stretches or squeezes lengths by a factor of up to 1.50"),
    ):
        answer = np.diag(factors).astype(float) @ STILL
        Oracle(monkeypatch, field_of(grid), answer)
        verdict = run(TransMorph(passes=1), pair).verdict
        assert any(words in reason for reason in verdict.reasons), verdict.reasons
        assert verdict.status in {status, "FAIL"}


@pytest.fixture
def trained(tmp_path: Path, monkeypatch) -> Path:
    """Weights of a small network, installed."""
    monkeypatch.setenv("REGKIT_WEIGHTS", str(tmp_path))
    return write_weights(tmp_path)


def test_a_card_survives_json() -> None:
    assert TransMorphCard.from_json(json.loads(json.dumps(card().to_json())), "x") == card()


@pytest.mark.conformance
def test_installed_weights_make_a_method(trained) -> None:
    offer = default_registry().method("transmorph-cr")
    assert offer.problem == ""
    weights = find_weights("transmorph-cr", "regkit_transmorph")
    assert weights is not None
    assert weights.origin == "installed"  # before those that came with regkit
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("regkit.weights._folder_of", lambda package: trained.parent)
        assert "weights missing: regkit train transmorph-mi" in (
            default_registry().method("transmorph-mi").problem
        )
    found = {name: run_check(name, MethodUnderTest(offer)) for name in CHECKS}
    failed = {name: o.why for name, o in found.items() if o.status == "failed"}
    assert failed == {}
    done = {name for name, o in found.items() if o.status == "ok"}
    assert done >= {"returns its model", "repeatable", "inputs unchanged", "sizes may differ"}


@pytest.mark.parametrize("model", ["affine", "anisotropic"])
def test_pet_and_ct_may_change_places(trained, model) -> None:
    grid = phantom_pairs.covering()
    ct, pet = thorax(grid), thorax(grid, "pet", rigid((0, 0, 8), (9, 0, 0)))
    start = rigid((1, 2, 3), (4, 5, 6))
    usual = TransMorph(model=model).register(Pair(ct, pet, initial=start))
    swapped = TransMorph(model=model).register(Pair(pet, ct, initial=start.inverse()))
    assert swapped.diagnostics["swapped"]
    if model == "affine":
        back = swapped.transform.inverse()
        np.testing.assert_allclose(back.matrix, usual.transform.matrix, atol=1e-9)
    else:
        np.testing.assert_allclose(shape_of(swapped.transform)["shears"], 0, atol=1e-9)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        ({"switches": None}, "switches takes Mapping, got None"),
        ({"passes": "3"}, "passes takes int, got '3'"),
        ({"passes": 0}, "passes must be from 1 to 100, got 0"),
        ({"spacing": [0, 1, 1]}, "cannot be used"),
    ],
)
def test_a_damaged_card_is_named(spoil, says) -> None:
    content = json.loads(json.dumps(card().to_json())) | spoil
    with pytest.raises(FileFormatError, match=f"the card of x .*{says}"):
        TransMorphCard.from_json(content, "x")


def test_a_card_with_an_empty_window_is_refused() -> None:
    content = json.loads(json.dumps(card().to_json()))
    content["fixed"]["window"] = [5, 5]
    with pytest.raises(FileFormatError, match="a window must go from low to high"):
        TransMorphCard.from_json(content, "x")


def test_different_pairs_give_different_maps(trained) -> None:
    grid = phantom_pairs.covering()
    one, other = (
        TransMorph().register(Pair(thorax(grid), thorax(grid, "pet", pose)))
        for pose in (rigid(), rigid((0, 0, 20), (30, 0, 0)))
    )
    assert distance_mm(one.transform, other.transform, phantom_pairs.body_points()) > 1e-4


def test_images_of_another_kind_are_refused(trained) -> None:
    grid = phantom_pairs.covering()
    ct = thorax(grid)
    counts = ct.with_array(ct.array + 1000)
    with pytest.raises(RegistrationError, match="the CT must be in HU, with air about -1000"):
        TransMorph().register(Pair(counts, thorax(grid, "pet")))
    with pytest.raises(RegistrationError, match=r"a CT and a PET are needed, got .* 'mr'"):
        TransMorph().register(Pair(Volume(ct.array, grid, "mr"), ct))


def test_missing_weights_are_a_reason(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("REGKIT_WEIGHTS", str(tmp_path))
    with pytest.raises(MissingDependencyError, match="weights missing: regkit train nothing"):
        TransMorph("nothing").register(phantom_pairs.plain_problem().pair)


def test_weights_that_do_not_fit_their_card(trained) -> None:
    pair, path = phantom_pairs.plain_problem().pair, trained.with_suffix(".json")
    content = json.loads(path.read_text())
    changed = content | {"switches": content["switches"] | {"width": 0.25}}
    write_signed_card(path, changed)
    with pytest.raises(FileFormatError, match=r"does not fit the network of its card \(cr\)"):
        TransMorph().register(pair)
    write_signed_card(path, {k: v for k, v in content.items() if k != "spacing"})
    with pytest.raises(FileFormatError, match="cannot be used: it has no 'spacing'"):
        TransMorph().register(pair)
    write_signed_card(path, content | {"sha256": "0" * 64})
    with pytest.raises(FileFormatError, match="are not those of their card"):
        TransMorph().register(pair)
    trained.write_bytes(b"nothing of the kind")
    write_signed_card(path, content | {"sha256": sha256(trained)})
    with pytest.raises(FileFormatError, match="is no safetensors file"):
        TransMorph().register(pair)


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"passes": 0}, "passes takes auto, or 1 to 100, got 0"),
        ({"weights": ""}, "weights takes a name"),
    ],
)
def test_parameters_out_of_range(parameters, says) -> None:
    with pytest.raises(ParameterError, match=says):
        TransMorph(**parameters)
