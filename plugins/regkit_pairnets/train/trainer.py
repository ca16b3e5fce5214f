"""The training of all learned rigid methods."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import torch

from regkit.learning import Crew, read_course, run
from regkit.training import TrainingJob, TrainingProgress
from regkit_pairnets.train.pool import open_pools, pooled
from regkit_pairnets.train.preset import Preset
from regkit_pairnets.train.task import MotionTask
from regkit_pairnets.train.views import Views


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
    preset, parameters = read_course(Preset, "regkit_pairnets", job)

    def prepare(device: torch.device, crew: Crew) -> Generator[TrainingProgress, None, MotionTask]:
        pools = open_pools(job, preset, parameters)
        if crew.writes:
            for pool, stage in zip(
                pools, ("cases to learn from", "cases to validate"), strict=True
            ):
                yield from pool.fill(stage)
        crew.wait()
        views, held_out = (
            Views(preset, [pooled(*case) for case in pool.load()], device) for pool in pools
        )
        return MotionTask(job.method, views, held_out, device)

    return run(job, prepare)
