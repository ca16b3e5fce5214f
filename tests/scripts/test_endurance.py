"""The table of what many registrations leave behind."""

import endurance


def test_the_slope_is_that_after_the_first_fifth():
    numbers = range(10, 101, 10)
    lines = [
        {"registrations": n, "resident_mb": 500.0 if n < 20 else 700 + 0.02 * n} for n in numbers
    ]
    fixed = {"descriptors": 6, "threads": 2, "temporary_files": 0}
    memory, descriptors = endurance.table([line | fixed for line in lines]).splitlines()[2:4]
    assert memory.endswith("| 500.0 | 700.4 | 702.0 | 702.0 | 20.0 |")
    assert descriptors.endswith("| 6 | 6 | 6 | 6 | 0.0 |")
