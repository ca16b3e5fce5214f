import numpy as np
import pytest

from regkit.benchmark.compare import FAILED, compare_records, cost_ratios, count_unmatched
from regkit.benchmark.records import new_record
from regkit.errors import BenchmarkError

BETTER, UNITS = {"tre_mm": "lower", "dice": "higher"}, {"tre_mm": "mm"}


def made(tre, dice=None, method="mi", per_patient=2, failed=()):
    """Records of cases with these scores; `per_patient` cases are of one patient."""
    return [
        new_record(
            "d",
            f"case-{i:03}",
            method,
            "failed" if i in failed else "ok",
            group=f"p{i // per_patient}",
            scores={} if i in failed else scores_of(tre, dice, i),
            runtime_s=2.0,
            peak_memory_mb=100.0,
        )
        for i in range(len(tre))
    ]


def scores_of(tre, dice, i):
    return {"tre_mm": float(tre[i])} | ({} if dice is None else {"dice": float(dice[i])})


def verdicts(old, new):
    return {(c.method, c.score): c.verdict for c in compare_records(old, new, BETTER, UNITS)}


def errors(seed, count=40):
    return np.random.default_rng(seed).gamma(2.0, 1.0, count)


def test_the_same_run_is_the_same():
    tre = errors(0)
    found = compare_records(made(tre), made(tre * (1 + 1e-9)), BETTER, UNITS)
    assert [(c.score, c.verdict) for c in found] == [(FAILED, "same"), ("tre_mm", "same")]


def test_what_got_worse_or_better_in_every_patient_is_told():
    tre, dice = errors(0), 1 / (2 + errors(1))
    old = made(tre, dice)
    assert verdicts(old, made(tre + 0.5, dice - 0.05)) == {
        ("mi", FAILED): "same",
        ("mi", "tre_mm"): "worse",
        ("mi", "dice"): "worse",
    }
    assert verdicts(old, made(tre - 0.5, dice + 0.05)) == {
        ("mi", FAILED): "same",
        ("mi", "tre_mm"): "better",
        ("mi", "dice"): "better",
    }


def test_means_and_numbers_are_those_of_the_shared_cases():
    tre = errors(0, 20)
    (_, change) = compare_records(made(tre), made(tre[:12] + 1), BETTER, UNITS)
    assert (change.cases, change.patients, change.unit) == (12, 6, "mm")
    assert change.old == pytest.approx(tre[:12].mean())
    assert change.new == pytest.approx(tre[:12].mean() + 1)
    assert change.p == pytest.approx(2 / 2**6)  # every pattern of six signs, exactly
    assert count_unmatched(made(tre), made(tre[:12])) == (8, 0)


@pytest.mark.simulation
def test_noise_is_seldom_called_a_change():
    """Two runs of a method that is random: at most 5 % of the comparisons may cry wolf."""
    wrong = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        patient = np.repeat(rng.normal(0, 0.5, 15), 2)  # cases of one patient move together
        tre = errors(seed, 30) + 3
        noisy = tre + patient + rng.normal(0, 0.1, 30)
        wrong += verdicts(made(tre), made(noisy))["mi", "tre_mm"] != "noise"
    assert wrong <= 6  # 3 expected; more than 6 of 60 has a chance of 2 %


def test_many_cases_of_few_patients_are_no_proof():
    """Forty cases, but what differs is one patient: case by case it would look significant."""
    tre = errors(0)
    worse = tre.copy()
    worse[:20] += 1
    old, new = (made(values, per_patient=20) for values in (tre, worse))
    assert verdicts(old, new)["mi", "tre_mm"] == "noise"


@pytest.mark.parametrize(
    ("change", "verdict"), [(0.5, "worse"), (-0.5, "better"), (0.01, "noise")]
)
def test_few_patients_count_when_all_agree_and_it_is_much(change, verdict):
    tre = np.array([1.0, 2.0, 3.0, 2.0])
    assert verdicts(made(tre), made(tre + change))["mi", "tre_mm"] == verdict


def test_one_more_failure_is_worse_and_one_less_is_better():
    tre = errors(0)
    old, new = made(tre, failed={3}), made(tre, failed={3, 7})
    assert verdicts(old, new)["mi", FAILED] == "worse"
    assert verdicts(new, old)["mi", FAILED] == "better"
    assert verdicts(old, old) == {("mi", FAILED): "same", ("mi", "tre_mm"): "same"}


def test_a_score_that_is_gone_is_worse():
    tre = errors(0)
    old, new = made(tre, 1 / (2 + tre)), made(tre)
    assert verdicts(old, new)["mi", "dice"] == "worse"
    assert ("mi", "dice") not in verdicts(new, old), "a new score has nothing to compare with"


def test_methods_are_compared_each_with_itself():
    tre = errors(0)
    old = made(tre) + made(tre, method="ants") + made(tre, method="gone")
    new = made(tre) + made(tre + 1, method="ants")
    assert verdicts(old, new) == {
        ("ants", FAILED): "same",
        ("ants", "tre_mm"): "worse",
        ("mi", FAILED): "same",
        ("mi", "tre_mm"): "same",
    }


def test_runs_with_nothing_in_common_are_refused():
    with pytest.raises(BenchmarkError, match="nothing in common"):
        compare_records(made(errors(0)), made(errors(0), method="ants"), BETTER, UNITS)


def test_costs_are_told_as_ratios_of_medians():
    old, new = made(errors(0)), made(errors(0), failed={1})
    for record in new:
        record["runtime_s"] = None if record["status"] == "failed" else 3.0
    assert cost_ratios(old, new) == {("d", "mi"): {"runtime_s": 1.5, "peak_memory_mb": 1.0}}
    for record in old:
        record["peak_memory_mb"] = None
    assert cost_ratios(old, new) == {}
