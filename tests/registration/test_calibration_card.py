"""A card of a calibration is used and named, and anything else is refused in one line."""

import hashlib
import json

import pytest

from phantoms import small_pair
from regkit import RegkitError, register
from regkit.benchmark.error_model_fit import card_of
from regkit.registration.calibration_card import CARD_FILE, calibrated_model
from regkit.registration.error_model import ErrorModel, shipped_error_model

CURVES = shipped_error_model().curves


def card(**changed):
    return {**card_of(shipped_error_model()), **changed}


def written(folder, content):
    file = folder / CARD_FILE
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


def test_a_card_a_folder_and_a_model_are_one_calibration(tmp_path):
    file = written(tmp_path, card())
    model = calibrated_model(file)
    assert calibrated_model(tmp_path) == calibrated_model(str(file)) == model
    assert calibrated_model(model) is model
    assert model.origin == hashlib.sha256(file.read_bytes()).hexdigest()
    assert calibrated_model(None) is shipped_error_model()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "cannot read the calibration"),
        ([1], "not a JSON object"),
        ({"method": "dusfe", "sha256": ""}, "no 'curves'"),
        (card(curves={"witness": [[0, 0], [1, 1]]}), "its curves are not"),
        (card(curves={key: [[0, 1], [1, 0]] for key in CURVES}), "rising points"),
        (card(curves={key: [["a", 1]] for key in CURVES}), "rising points"),
        (card(table=[[0, 1, 2]]), "rows of 5 numbers"),
        (card(table=[[0, 1, 2, 3, 0.5], [1, 1, 2, 3, 0.4]]), "must rise"),
    ],
)
def test_what_is_no_card_is_refused_in_one_line(tmp_path, content, reason):
    file = written(tmp_path, content)
    with pytest.raises(RegkitError, match=reason) as refused:
        calibrated_model(file)
    assert str(file) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.registration
def test_the_verdict_is_estimated_by_the_card_and_names_it():
    pair = small_pair()
    bad = ErrorModel({}, ((0, 7, 8, 9, 1), (1, 7, 8, 9, 1)), origin="mine")
    result = register(pair.fixed, pair.moving, "identity", calibration=bad)
    assert result.verdict.error.calibration == "mine"
    assert result.verdict.error.probability_bad == 1
    assert result.verdict.status == "FAIL"


def test_a_calibration_without_a_verdict_is_refused():
    pair = small_pair()
    with pytest.raises(RegkitError, match="a calibration is for the verdict"):
        register(pair.fixed, pair.moving, "identity", judge=False, calibration="card.json")
