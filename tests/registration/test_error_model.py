"""The calibrated model: no worse evidence gives a better verdict, and its numbers are whole."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regkit.registration.error_model import ErrorModel, shipped_error_model
from regkit.registration.verdict_rules import status_of_probability

RIGHT = {
    "similarity": 1.2,
    "chance_similarity": 1.02,
    "overlap": 1.0,
    "mirror_gain_fraction": -0.3,
    "looseness_mm": 2.0,
    "climb_mm": 0.2,
    "climb_improvement": 0.0,
    "stretched_mm": 0.2,
    "refinement_mm": 0.3,
    "agreement": 0.6,
    "mirrored_agreement": 0.5,
    "witness_mm": 0.1,
    "witness_improvement": 0.0,
    "witness_ambiguity": 0.0,
    "witness_uncertainty_mm": 0.05,
}
# Each measure, and the worst that it can be.
WORSE = {
    "overlap": 0.0,
    "mirror_gain_fraction": 0.1,
    "looseness_mm": 100.0,
    "climb_mm": 50.0,
    "climb_improvement": 20.0,
    "stretched_mm": 50.0,
    "refinement_mm": 50.0,
    "agreement": 0.0,
    "mirrored_agreement": 0.9,
    "witness_mm": 150.0,
    "witness_improvement": 20.0,
    "witness_ambiguity": 1.0,
    "witness_uncertainty_mm": 100.0,
}


@given(
    st.sampled_from(sorted(WORSE)),
    st.lists(st.floats(0, 1), min_size=2, max_size=2),
    st.dictionaries(st.sampled_from(sorted(WORSE)), st.floats(0, 1)),
    st.floats(3, 15),
)
def test_no_worse_evidence_gives_a_better_verdict(name, two, others, tolerance):
    def measures(part):
        parts = {**others, name: part}
        return {
            **RIGHT,
            **{k: RIGHT[k] + p * (WORSE[k] - RIGHT[k]) for k, p in parts.items()},
        }

    better, worse = (shipped_error_model().estimate(measures(p), tolerance) for p in sorted(two))
    assert better.expected_mm <= worse.expected_mm + 1e-9
    assert better.probability_bad <= worse.probability_bad + 1e-9
    assert better.interval_mm[1] <= worse.interval_mm[1] + 1e-9


def test_the_best_and_the_worst_evidence():
    best = shipped_error_model().estimate(RIGHT, 3.0)
    worst = shipped_error_model().estimate({**RIGHT, **WORSE}, 3.0)
    assert best.expected_mm < 1.0
    assert best.probability_bad < 0.1
    assert worst.expected_mm > 20
    assert worst.probability_bad > 0.9


def test_the_interval_holds_the_expected_error_and_the_card_says_its_origin():
    model = shipped_error_model()
    rows = np.array(model.table)
    assert (np.diff(rows, axis=0) >= 0).all()
    assert (rows[:, 1] <= rows[:, 2]).all()
    assert (rows[:, 2] <= rows[:, 3]).all()
    assert model.about["answers"] == sum(model.about["datasets"].values())
    assert 0 < model.about["bad"] < model.about["answers"]


def test_what_a_rule_refuses_is_probably_bad():
    refused = shipped_error_model().estimate(RIGHT, 3.0, refused=True)
    assert refused.probability_bad >= 0.95
    assert refused.expected_mm > 6.0
    assert refused.interval_mm[0] <= refused.expected_mm <= refused.interval_mm[1]


def test_a_witness_that_aligns_the_images_worse_counts_less():
    far = {**RIGHT, "witness_mm": 80.0}
    model = shipped_error_model()
    equal, worse = (model.score({**far, "witness_improvement": z}, 3.0) for z in (0.0, -8.0))
    assert worse < equal
    assert model.estimate({**far, "witness_improvement": -8.0}, 3.0).probability_bad < 0.05


@pytest.mark.parametrize(
    ("usual", "sign"),
    [
        ({"mirrored_agreement": 0.59}, {"mirrored_agreement": 0.61}),
        ({"agreement": 0.16, "mirrored_agreement": 0.1}, {"agreement": 0.14}),
        (
            {"needed_agreement": 0.45, "agreement": 0.46, "mirrored_agreement": 0.1},
            {"agreement": 0.44},
        ),
        ({"stretched_mm": 2.9}, {"stretched_mm": 3.1}),
        ({"stretched_mm": 9.0, "stretched_improvement": 4.9}, {"stretched_improvement": 5.1}),
        ({"climb_mm": 11.9, "climb_improvement": -3.0}, {"climb_mm": 12.1}),
    ],
    ids=[
        "as alike with sides exchanged",
        "hardly alike",
        "no proof",
        "stretched",
        "clearly",
        "flat",
    ],
)
def test_a_sign_of_doubt_makes_a_result_doubtful_and_widens_its_interval(usual, sign):
    """It says that too little is known, and not that the error is large: the lower end stays."""
    model = ErrorModel({}, shipped_error_model().table)
    before = {**RIGHT, "stretched_improvement": 8.0, **usual}
    sure, doubtful = (model.estimate(m, 3.0) for m in (before, {**before, **sign}))
    assert status_of_probability(sure.probability_bad) == "OK"
    assert status_of_probability(doubtful.probability_bad) == "CHECK"
    assert doubtful.expected_mm > 6.0 > sure.expected_mm
    assert doubtful.interval_mm[0] == sure.interval_mm[0]
    assert doubtful.interval_mm[1] > sure.interval_mm[1]


def test_where_a_similarity_is_no_proof_an_unknown_agreement_is_doubtful():
    model = ErrorModel({}, shipped_error_model().table)
    unknown = {name: value for name, value in RIGHT.items() if "agreement" not in name}
    found = [model.estimate({**unknown, "needed_agreement": n}, 3.0) for n in (0.15, 0.45)]
    assert [status_of_probability(one.probability_bad) for one in found] == ["OK", "CHECK"]


def test_a_sign_of_doubt_leaves_a_hopeless_result_hopeless():
    hopeless = shipped_error_model().estimate({**RIGHT, **WORSE}, 3.0)
    without = shipped_error_model().estimate({**RIGHT, **WORSE, "climb_mm": 0.0}, 3.0)
    assert status_of_probability(without.probability_bad) == "FAIL"
    assert status_of_probability(hopeless.probability_bad) == "FAIL"


@pytest.mark.parametrize("name", ["climb", "stretched"])
def test_a_climb_that_gains_nothing_beyond_noise_counts_less(name):
    model = ErrorModel({name: ((-2, 0), (5, 7))}, ((0, 0, 0, 0, 0), (1, 1, 1, 1, 1)))
    far = {**RIGHT, f"{name}_mm": 9.0}
    noise, clear = (model.score({**far, f"{name}_improvement": z}, 3.0) for z in (-3.0, 6.0))
    assert noise < clear


AWAY = {**RIGHT, "witness_mm": 9.0, "climb_mm": 9.0, "refinement_mm": 9.0}
AWAY |= {"witness_improvement": 8.0, "climb_improvement": 3.0}
SEARCHED = {**RIGHT, "witness_mm": 9.0, "refinement_mm": 9.0}


@pytest.mark.parametrize(
    ("measures", "least_mm", "least_bad"),
    [
        (AWAY, 9.0, 0.5),
        ({**AWAY, "refinement_mm": 1.0}, 0.0, 0.0),
        ({**AWAY, "refinement_mm": 1.0, "climb_improvement": 8.0}, 9.0, 0.5),
        ({**SEARCHED, "witness_improvement": 8.0}, 9.0, 0.5),
        ({**SEARCHED, "witness_improvement": 4.0}, 0.0, 0.0),
        ({**SEARCHED, "witness_improvement": 8.0, "refinement_mm": 5.0}, 0.0, 0.0),
    ],
)
def test_what_leads_away_clearly_decides_whatever_the_rest_says(measures, least_mm, least_bad):
    table = ((0, 0, 0, 1, 0), (1, 0, 2, 4, 0.5), (2, 1, 4, 9, 1))
    told = ErrorModel({}, table).estimate(measures, 3.0)
    assert told.expected_mm >= least_mm
    assert told.probability_bad >= least_bad
    assert (told.expected_mm == 0) == (least_mm == least_bad == 0)


def test_without_a_refinement_the_climb_stands_for_it():
    model = ErrorModel({"refinement": ((-2, 0), (5, 7))}, ((0, 0, 0, 0, 0), (1, 1, 1, 1, 1)))
    alone = {k: v for k, v in RIGHT.items() if k != "refinement_mm"}
    assert model.score(alone, 3.0) == model.score({**RIGHT, "refinement_mm": 0.2}, 3.0)


def test_a_mirrored_image_is_a_doubt_of_its_own():
    model = shipped_error_model()
    plain, mirrored = (
        model.score({**RIGHT, "mirror_gain_fraction": part}, 3.0) for part in (-0.3, 0.2)
    )
    assert mirrored > plain
