"""The benchmark of the verdict makes answers with known errors and counts the verdicts on them."""

import numpy as np
import pytest

import verdict
import verdict_pairs
from phantoms import MOTION, small_pair
from verdict_pairs import Known

POINTS = np.random.default_rng(0).uniform(-80, 80, (200, 3))


def known(**more):
    given = {"family": "phantoms", "pair": small_pair(), "points": POINTS, "truth": MOTION, **more}
    return Known(patient="p1", variant="whole", **given)


def test_made_answers_are_wrong_by_what_their_name_says():
    for name, answer in verdict.made_answers(known()):
        least, most = float(name.split()[1]), float(name.split()[3])
        assert least - 1e-6 <= known().error_mm(answer) <= most + 1e-6
    assert next(verdict.made_answers(known()))[1].map_points(POINTS) == pytest.approx(
        MOTION.map_points(POINTS)
    )


@pytest.mark.parametrize("name", [n for n in verdict_pairs.VARIANTS if not n.startswith("other")])
def test_the_truth_of_a_variant_follows_its_motion(name):
    (made,) = verdict_pairs.variants(known(), {}, (name,))
    if name in verdict_pairs.NO_TRUTH:
        assert made.truth is None
        assert made.error_mm(MOTION) is None
    else:
        assert made.error_mm(made.truth) == pytest.approx(0.0, abs=1e-9)
        assert made.error_mm(MOTION) > 1


def test_hearts_of_both_cohorts_are_the_same_persons():
    """One seed makes the same bodies: a model must not see those that it is judged on."""
    easy, hard, other = (known(family=f).person for f in ("spect-ct", "spect-ct-hard", "mr-us"))
    assert easy == hard
    assert easy != other


def answer(error_mm, status, use="reporting", **more):
    about = {"family": "f", "variant": "whole", "use": use, "tolerance_mm": 3.0}
    about |= {"person": "p", "answer": "made", "measures": {}}
    if "interval_mm" in more:
        about["probability_bad"] = 0.5
    return {**about, "error_mm": error_mm, "status": status, **more}


def test_the_table_counts_wrong_ok_and_good_that_pass():
    found = [
        answer(1.0, "OK", interval_mm=[0.5, 2.0], expected_error_mm=1.0, points_covered=1.0),
        answer(2.0, "CHECK", interval_mm=[0.5, 1.0], expected_error_mm=1.5, points_covered=0.5),
        answer(7.0, "OK", interval_mm=[5.0, 9.0], expected_error_mm=6.0),
        answer(60.0, "FAIL"),
        answer(None, "CHECK"),
        answer(1.0, "OK", use="fitting"),
    ]
    row = verdict.table(found).splitlines()[-1]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells == [
        "reporting",
        "**all**",
        "5",
        "2",
        "1 of 3 (33.3%)",
        "1 of 2 (50.0%)",
        "1 of 2 (50.0%)",
        "2 of 3 (66.7%)",
        "75.0%",
        "1.00",
    ]
