"""The training of `transmorph-cr` and `transmorph-mi`."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import torch

from regkit.learning import Crew, read_course, run
from regkit.training import TrainingJob, TrainingProgress
from regkit_transmorph.train.cases import load_cases, open_pools
from regkit_transmorph.train.choices import Choices
from regkit_transmorph.train.task import AlikeTask
from regkit_transmorph.train.views import Views


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
    choices, parameters = read_course(Choices, "regkit_transmorph", job)

    def prepare(device: torch.device, crew: Crew) -> Generator[TrainingProgress, None, AlikeTask]:
        pools = open_pools(job, choices, parameters)
        stages = ("cases to learn from", "cases to validate")
        if crew.writes:
            for pool, stage in zip(pools, stages, strict=True):
                yield from pool.fill(stage)
        crew.wait()
        views, held_out = (Views(choices, load_cases(pool), device) for pool in pools)
        return AlikeTask(job.method, views, held_out, device)

    return run(job, prepare)
