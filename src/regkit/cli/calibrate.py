"""``regkit calibrate``: fit the verdict to one's own data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from regkit.cli.colors import echo
from regkit.cli.completion import complete_from
from regkit.cli.options import COMPUTATION, METHOD, SPLIT_VALUES
from regkit.cli.progress import progress_bar

DATASET = "Dataset"

Datasets = Annotated[
    list[str],
    typer.Argument(
        metavar="DATASET",
        help="Dataset folders whose cases have a truth, or names of simulated cohorts.",
    ),
]
CalibrationFolder = Annotated[
    Path,
    typer.Option(
        "-o",
        "--output",
        metavar="FOLDER",
        help="Folder of the card and of the answers, which the same command continues.",
    ),
]
CalibrationMethods = Annotated[
    str,
    typer.Option(
        "-m",
        "--methods",
        rich_help_panel=METHOD,
        help="Methods a,b,... whose answers count beside the errors that are made.",
    ),
]
Cases = Annotated[
    int,
    typer.Option(
        min=0, rich_help_panel=DATASET, help="Number of cases of each dataset; 0 for all."
    ),
]
Part = Annotated[
    str,
    typer.Option(
        "--split",
        metavar=SPLIT_VALUES,
        autocompletion=complete_from(SPLIT_VALUES),
        rich_help_panel=DATASET,
        help="Part of the datasets. Default: all.",
    ),
]
CalibrationSeed = Annotated[
    int,
    typer.Option(
        "--seed", rich_help_panel=COMPUTATION, help="Seed of the methods and of the made errors."
    ),
]


def calibrate_command(
    datasets: Datasets,
    output: CalibrationFolder = Path("calibration"),
    methods: CalibrationMethods = "identity,auto",
    cases: Cases = 0,
    split: Part = "",
    seed: CalibrationSeed = 0,
) -> None:
    """Fit the verdict's estimate of the error to pairs with a known truth.

    Methods answer on every pair, on it mirrored, and with the moving image of another patient;
    further answers are the truth with errors from 0 to 100 mm. Writes the card error_model.json
    (for `--calibration`), records.jsonl and summary.md with the estimate's reliability on
    patients that were left out. If interrupted, the same command continues.
    """
    from rich.progress import TimeRemainingColumn

    from regkit.benchmark.calibrate import SUMMARY_FILE, calibrate
    from regkit.registration.calibration_card import CARD_FILE

    names = [name.strip() for name in methods.split(",") if name.strip()]
    with progress_bar(TimeRemainingColumn()) as bar:
        task = bar.add_task("judging answers", total=None)
        calibrate(
            *(datasets, output),
            methods=names,
            cases=cases,
            split=split,
            seed=seed,
            on_case=lambda done, total: bar.update(task, completed=done, total=total),
        )
    echo((output / SUMMARY_FILE).read_text(encoding="utf-8"), nl=False)
    echo(f"\nwrote {output / CARD_FILE}; use it with --calibration {output}")
