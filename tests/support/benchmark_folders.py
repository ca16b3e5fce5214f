"""A benchmark folder as the harness leaves it, made without running a method."""

from pathlib import Path

import numpy as np

from regkit import Grid, Pair, rigid
from regkit.benchmark.case_source import DatasetRef
from regkit.benchmark.plan import Method, Plan, write_plan
from regkit.benchmark.records import RecordFile, new_record
from regkit.benchmark.summary import summarize_folder
from regkit.datasets.folder import write_dataset
from regkit.io import write_volume
from regkit.registry import Registry, default_registry
from regkit.report.benchmark_page import write_report
from regkit.statistics import StatisticsSettings
from regkit.testing.phantom import thorax

HOSTILE = "</script><script>window.hacked=1</script><b>&\"'{{ 7*7 }}"
GRID = Grid((20, 18, 22), (14.0, 14.0, 14.0), (-147.0, -119.0, -133.0))
PATIENTS, EACH = 6, 2
TURNS = {"good": 0.2, "poor": 6.0, HOSTILE: 3.0}


def registry() -> Registry:
    return default_registry()


def case_id(patient: int, number: int) -> str:
    return f"p{patient}-{number}"


def write_images(folder: Path) -> None:
    """Write a dataset folder whose moving images are turned about the long axis."""
    folder.mkdir()
    entries = []
    for patient in range(PATIENTS):
        for number in range(EACH):
            name = case_id(patient, number)
            pair = Pair(thorax(GRID, "pet"), thorax(GRID, "ct", rigid((0, 0, 12), (20, 0, 0))))
            write_volume(pair.fixed, folder / f"{name}-pet.nii.gz")
            write_volume(pair.moving, folder / f"{name}-ct.nii.gz")
            entries.append(
                {
                    "id": name,
                    "group": f"p{patient}",
                    "fixed": f"{name}-pet.nii.gz",
                    "moving": f"{name}-ct.nii.gz",
                    "fixed_modality": "pet",
                    "moving_modality": "ct",
                }
            )
    write_dataset(folder, "toy <i>chests</i>", entries)


def write_benchmark(folder: Path, images: Path) -> Path:
    """Write records and plan; every method misses the truth by its own angle, one run failed."""
    folder.mkdir()
    methods = tuple(Method(label, "identity") for label in TURNS)
    write_plan(Plan(DatasetRef(str(images)), methods), folder)
    rng = np.random.default_rng(0)
    with RecordFile(folder) as file:
        for patient in range(PATIENTS):
            for number in range(EACH):
                for method, turn in TURNS.items():
                    name = case_id(patient, number)
                    file.append(_record(name, f"p{patient}", method, turn * rng.uniform(0.5, 1.5)))
    return folder


def _record(case: str, group: str, method: str, turn: float) -> dict:
    home = {"dataset": "toy <i>chests</i>", "case": case, "method": method, "group": group}
    if (case, method) == ("p3-1", "poor"):
        return new_record(**home, status="failed", error="timed out <i>after</i> 60 s")
    found = rigid((0, 0, 12 + turn), (20, 0, 0))
    return new_record(
        **home,
        status="ok",
        verdict="OK" if turn < 5 else "CHECK",
        scores={"dr_deg": turn / 3, "tre_mm": 2 * turn},
        runtime_s=1.0 + turn,
        peak_memory_mb=200.0,
        reasons=[] if turn < 5 else ["looks turned"],
        transform=[list(row) for row in found.matrix.tolist()],
    )


def report(folder: Path, margins: dict[str, float] | None = None, views: int = 3) -> Path:
    """Summarise the folder and write its page."""
    summary = summarize_folder(
        folder, registry(), StatisticsSettings(draws=300, margins=margins or {})
    )
    return write_report(folder, summary, registry(), views)
