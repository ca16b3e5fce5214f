"""The training of the reorientation of the left ventricle."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np
import torch

from regkit.errors import ParameterError
from regkit.learning import Crew, read_course, run
from regkit.training import TrainingJob, TrainingProgress
from regkit_msstunet.networks.pose import NUMBERS
from regkit_msstunet.train.choices import Choices
from regkit_msstunet.train.pool import open_pools, read_cases
from regkit_msstunet.train.task import ReorientationTask, build


def train(job: TrainingJob) -> Iterator[TrainingProgress]:
    """Train a method; a `regkit.training.Trainer`.

    Raises
    ------
    ParameterError
        Unknown choices, or a folder that holds another training.
    FileFormatError
        A dataset or a checkpoint that cannot be read.
    OutputError
        The folder cannot be written.
    """
    choices, parameters = read_course(Choices, "regkit_msstunet", job)
    if choices.start_with == "localiser":
        _check_start(job, choices)

    def prepare(
        device: torch.device, crew: Crew
    ) -> Generator[TrainingProgress, None, ReorientationTask]:
        pools = open_pools(job, choices, parameters)
        if crew.writes:
            for some, purpose in zip(pools, ("to learn from", "to validate"), strict=True):
                for pool in some:
                    yield from pool.fill(f"{pool.dataset.name} cases {purpose}")
        crew.wait()
        cases, held_out = ([case for pool in some for case in read_cases(pool)] for some in pools)
        return ReorientationTask(job.method, choices, cases, held_out, device)

    return run(job, prepare)


def _check_start(job: TrainingJob, choices: Choices) -> None:
    """Refuse to keep a localiser that nobody gives or has, before cases are made."""
    if not job.start:
        raise ParameterError("start_with=localiser keeps that of weights; add --start NAME|FILE")
    if build(choices, np.zeros(NUMBERS)).localiser is None:
        raise ParameterError(
            f"start_with=localiser keeps a localiser, and {choices.network} has none; "
            "choose another network"
        )
