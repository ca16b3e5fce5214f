"""Limits of the measures as they are told are those by which reorientations are judged."""

from hypothesis import given
from hypothesis import strategies as st

from regkit.registration.measure_descriptions import measure_outcomes
from regkit_ventricle import judge
from regkit_ventricle.judged_measures import JUDGED_MEASURES

SEVERITY = {"": 0, "passes": 0, "OK": 0, "CHECK": 1, "FAIL": 2}
# Every measure that the judge reads, from harmless to hopeless.
RANDOM = st.fixed_dictionaries(
    {
        "tilt_deg": st.floats(0, 90),
        "offset_mm": st.floats(0, 100),
        "turn_deg": st.floats(-180, 180),
        "direction_deg": st.floats(0, 180),
        "determinant": st.floats(0.5, 2),
        "wall_moved_mm": st.floats(0, 60),
        "wall_seen_fraction": st.floats(0, 1),
        "wall_to_cavity": st.floats(0, 4),
        "wall_to_background": st.floats(0, 4),
        "low_uptake_fraction": st.floats(0, 1),
        "sampled_fraction": st.floats(0, 1),
        "stray_fraction": st.floats(0, 1),
        "outside_fraction": st.floats(0, 1),
    }
)


@given(RANDOM, st.floats(1, 10))
def test_they_decide_as_the_judge_does(measures, voxel_mm):
    coarse = max(1.0, voxel_mm / judge.FINE_MM)
    findings = [
        *judge._pose(measures, coarse),  # noqa: SLF001
        *judge._segmentation(measures),  # noqa: SLF001
        *judge._perfusion(measures, coarse),  # noqa: SLF001
    ]
    told = measure_outcomes({"measures": measures}, voxel_mm, JUDGED_MEASURES)
    worst = max(SEVERITY[outcome.outcome] for outcome in told)
    assert worst == max((SEVERITY[status] for status, _ in findings), default=0)
    assert all(outcome.meaning for outcome in told)
