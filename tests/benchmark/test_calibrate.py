"""Calibration of the verdict on one's own pairs: answers with known errors, and a card of them."""

import shutil
from itertools import product

import numpy as np
import pytest

from phantoms import MOTION, small_pair
from regkit import Case, RegkitError, calibrate, write_transform, write_volume
from regkit.benchmark import calibrate as module
from regkit.benchmark.answerable_pairs import answerable_pairs, made_answers
from regkit.benchmark.calibrate import pair_records
from regkit.benchmark.records import RecordFile, new_record
from regkit.datasets.folder import write_dataset
from regkit.registration.calibration_card import calibrated_model
from regkit.registration.error_model import ErrorEstimate

PATIENTS = 6


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder, pair = tmp_path_factory.mktemp("data"), small_pair()
    write_volume(pair.fixed, folder / "fixed.nii.gz")
    write_volume(pair.moving, folder / "moving.nii.gz")
    write_transform(MOTION, folder / "truth.tfm")
    files = {"fixed": "fixed.nii.gz", "moving": "moving.nii.gz", "truth": "truth.tfm"}
    cases = [{"id": f"c{i}", "group": f"p{i}", **files} for i in range(PATIENTS)]
    write_dataset(folder, "tiny", cases)
    return folder


def case(number):
    return Case(f"c{number}", small_pair(), MOTION, f"p{number}")


def test_made_answers_are_wrong_by_what_their_name_says():
    given = next(answerable_pairs(case(0), None))
    made = dict(made_answers(given, 0))
    assert given.error_mm(made.pop("made 0 mm")) == pytest.approx(0.0, abs=1e-9)
    for name, answer in made.items():
        least, most = float(name.split()[1]), float(name.split()[3])
        assert least - 1e-6 <= given.error_mm(answer) <= most + 1e-6
    assert len(made) == 8


def test_no_answer_is_right_for_a_mirrored_image_and_another_patient():
    variants = {pair.variant: pair for pair in answerable_pairs(case(0), case(1))}
    assert list(variants) == ["as given", "mirrored", "other patient"]
    assert variants["mirrored"].error_mm(MOTION) is None
    assert not list(made_answers(variants["other patient"], 0))
    before, after = (variants[v].pair.moving.array for v in ("as given", "mirrored"))
    assert np.array_equal(after, before[:, :, ::-1])


@pytest.mark.end_to_end
def test_answers_are_judged_as_registrations_are():
    given = next(answerable_pairs(case(0), None))
    known = {("tiny", "c0", "as given", name) for name in dict(made_answers(given, 0))}
    known -= {("tiny", "c0", "as given", "made 0 mm")}
    (record,) = pair_records(given, "tiny", {}, 0, known)
    assert (record["status"], record["group"]) == ("ok", "p0")
    assert record["error_mm"] == pytest.approx(0.0, abs=1e-9)
    assert "witness_mm" in record["measures"]
    assert ErrorEstimate.from_data(record).calibration == "shipped"


def evidence(error_mm, rng):
    return {
        "similarity": 1.2,
        "chance_similarity": 1.02,
        "overlap": 1.0,
        "looseness_mm": 2.0,
        "mirror_gain_fraction": 0.2 if error_mm is None else -0.3,
        "mirror_gain": 0.0,
        "determinant": 1.0,
        "stretch": 1.0,
        "gain_over_start": 0.1,
        "mean_displacement_from_initial_mm": 20.0,
        "peak_offset_mm": 0.3,
        "climb_mm": 0.2,
        "refinement_mm": 0.3,
        "witness_mm": 20.0 if error_mm is None else error_mm * rng.normal(1, 0.1),
        "witness_improvement": 5.0,
        "witness_ambiguity": 0.0,
    }


def fill(folder, patients=PATIENTS, seed=0, **changed):
    """Write a record of every answer, so that none is made."""
    rng, pair = np.random.default_rng(0), next(answerable_pairs(case(0), None))
    names = [*dict(made_answers(pair, 0)), "iso"]
    with RecordFile(folder) as file:
        for number, name in product(range(patients), names):
            error = float(np.exp(rng.uniform(-1, 4)))
            facts = {"error_mm": error, "measures": evidence(error, rng), **changed}
            file.append(record(number, name, "as given", seed, facts))
        for number, variant in product(range(patients), ("mirrored", "other patient")):
            facts = {"error_mm": None, "measures": evidence(None, rng), **changed}
            file.append(record(number, "iso", variant, seed, facts))


def record(number, name, variant, seed, facts):
    about = {"group": f"p{number}", "variant": variant, "seed": seed, "tolerance_mm": 9.0}
    return new_record("tiny", f"c{number}", name, "ok", verdict="CHECK", **about, **facts)


def test_a_folder_with_all_answers_is_fitted_without_running_a_method(data, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("nothing is left to run")

    monkeypatch.setattr(module, "run", refuse)
    monkeypatch.setattr(module, "search_witness", refuse)
    fill(tmp_path)
    done = []
    found = calibrate([data], tmp_path, methods=["iso"], on_case=lambda *n: done.append(n))
    assert done[-1] == (PATIENTS, PATIENTS)
    assert calibrated_model(tmp_path).table == found.model.table
    assert found.model.about["datasets"] == {"tiny": 12 * PATIENTS}
    covered = [a.is_covered for a in found.answers if a.is_covered is not None]
    assert np.mean(covered) > 0.7
    summary = (tmp_path / "summary.md").read_text()
    assert "| tiny | 72 |" in summary
    assert "| *mirrored* | 6 | - |" in summary
    assert "## Reliability" in summary


@pytest.mark.parametrize(
    ("changed", "options", "reason"),
    [
        ({}, {"cases": 4}, "5 patients at least, got 4"),
        ({}, {"seed": 1}, r"other records \(seed 0, not 1\)"),
        ({"error_mm": 1.0}, {}, "10 wrong answers at least"),
        ({"measures": {"witness_mm": 1.0}}, {}, "another version of regkit"),
        ({}, {"methods": ["no-such-method"]}, "no-such-method"),
    ],
)
def test_what_cannot_be_fitted_is_refused_in_one_line(data, tmp_path, changed, options, reason):
    fill(tmp_path, patients=options.get("cases", PATIENTS), **changed)
    with pytest.raises(RegkitError, match=reason) as refused:
        calibrate([data], tmp_path, **{"methods": ["iso"], **options})
    assert "\n" not in str(refused.value)


def test_a_dataset_without_a_truth_is_refused(data, tmp_path):
    files = {"fixed": "fixed.nii.gz", "moving": "moving.nii.gz"}
    for name in files.values():
        shutil.copy(data / name, tmp_path)
    write_dataset(tmp_path, "blind", [{"id": f"c{n}", **files} for n in range(5)])
    with pytest.raises(RegkitError, match="blind: case c0 has no true transform; a calibration"):
        calibrate([tmp_path], tmp_path / "out", methods=["iso"])
    with pytest.raises(RegkitError, match="two datasets are called 'tiny'"):
        calibrate([data, data], tmp_path / "out", methods=["iso"])
