"""The fit of the verdict's coefficients finds what errors depend on, for persons not seen."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from regkit.benchmark.error_model_fit import card_of, cross_validated, fit_error_model
from regkit.benchmark.judged_answer import JudgedAnswer
from regkit.registration.error_model import ErrorModel, shipped_error_model

TOLERANCE = 3.0


def answer(person, error_mm, witness_mm, **measures):
    """Return an answer whose evidence is good but for the witness."""
    evidence = {
        "similarity": 1.2,
        "chance_similarity": 1.02,
        "overlap": 1.0,
        "looseness_mm": 2.0,
        "mirror_gain_fraction": -0.3,
        "mirror_gain": 0.0,
        "determinant": 1.0,
        "stretch": 1.0,
        "gain_over_start": 0.1,
        "mean_displacement_from_initial_mm": 20.0,
        "peak_offset_mm": 0.3,
        "climb_mm": 0.2,
        "refinement_mm": 0.3,
        "witness_mm": witness_mm,
        "witness_improvement": 5.0,
        "witness_ambiguity": 0.0,
        **measures,
    }
    return JudgedAnswer("data", person, "made", TOLERANCE, error_mm, "CHECK", evidence)


def answers(persons=6, each=40, seed=0):
    """Return answers whose witness is off by 10 % of their error, one in ten without a truth."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(persons * each):
        error = float(np.exp(rng.uniform(np.log(0.3), np.log(60))))
        witness = error * rng.normal(1, 0.1)
        mirrored = number % 10 == 0
        found.append(
            answer(
                f"p{number % persons}",
                None if mirrored else error,
                witness,
                mirror_gain_fraction=0.2 if mirrored else -0.3,
            )
        )
    return found


@pytest.fixture(scope="module")
def judged():
    return cross_validated(answers())


def test_the_expected_error_of_unseen_persons_is_their_error(judged):
    known = [a for a in judged if a.error_mm is not None]
    expected = [a.error.expected_mm for a in known]
    assert spearmanr(expected, [a.error_mm for a in known]).statistic > 0.95
    assert 0.8 < np.mean([a.is_covered for a in known]) <= 1


def test_wrong_answers_and_mirrored_images_are_probably_bad(judged):
    told = np.array([a.error.probability_bad for a in judged])
    wrong = np.array([a.is_wrong for a in judged])
    assert told[wrong].mean() > 0.85
    assert told[~wrong].mean() < 0.15


def test_estimates_do_not_depend_on_the_errors_of_the_same_person():
    found = answers()
    changed = [replace(a, error_mm=1.0) if a.person == "p3" else a for a in found]
    before, after = cross_validated(found), cross_validated(changed)
    for one, other in zip(before, after, strict=True):
        if one.person == "p3":
            assert one.error == other.error


def test_a_card_is_read_as_it_was_written():
    model = fit_error_model(answers(persons=3, each=20))
    again = ErrorModel.from_card(json.loads(json.dumps(card_of(model))))
    assert again == model
    assert model.about["answers"] == 60
    assert model.about["persons"] == 3
    assert model.about["datasets"] == {"data": 60}


def test_weights_that_nothing_determines_are_those_of_the_prior():
    prior = shipped_error_model()
    model = fit_error_model(answers(), prior)
    points = np.array(model.curves["outside"])
    assert points == pytest.approx(np.array(prior.curves["outside"]), abs=0.05)


def test_the_order_of_answers_does_not_matter():
    found = answers()
    one, other = fit_error_model(found), fit_error_model(found[::-1])
    assert np.array(one.table) == pytest.approx(np.array(other.table), abs=1e-3)
