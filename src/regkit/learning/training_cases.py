"""The case caches of a training: of every dataset in it, to train on and to validate with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from regkit.learning.case_cache import CaseCache
from regkit.learning.task import Task
from regkit.learning.training_config import TrainingConfig
from regkit.learning.training_data import open_training_data
from regkit.learning.training_job import TrainingJob, TrainingProgress


@dataclass(frozen=True)
class TrainingCaches:
    """The case caches of a training, one for each dataset.

    Parameters
    ----------
    train, validation
        Caches of the cases to train on, and of those to validate with.
    """

    train: tuple[CaseCache, ...]
    validation: tuple[CaseCache, ...]


def open_case_caches(
    job: TrainingJob,
    task: type[Task[Any]],
    config: TrainingConfig,
    parameters: Mapping[str, Mapping[str, Any]],
) -> TrainingCaches:
    """Return the caches of a training; no case is preprocessed yet.

    Parameters
    ----------
    job
        Training whose data is a folder, a dataset's name, or several with commas between them.
    task
        Class of the task, which preprocesses the cases.
    config
        Configuration of the training.
    parameters
        Parameters of simulated datasets: dataset -> name -> value.

    Raises
    ------
    FileFormatError, UnknownNameError
        A dataset is no folder and no name of a dataset.
    ParameterError
        A dataset folder has too few cases.
    """
    home = (job.cache or job.folder / "cache").absolute()
    prepare = partial(task.prepare_case, config=config)
    train, validation = [], []
    for name in _datasets(job, task):
        counts = config.cases, config.validation_cases
        data = open_training_data(replace(job, data=name), counts, parameters.get(name, {}))
        depends = [task.card_class.package, dict(data.origin), list(task.cache_key(config))]
        digest = hashlib.sha256(json.dumps(depends).encode()).hexdigest()[:8]
        folder = home / f"{data.train.name}-{digest}"
        train.append(CaseCache(data.train, folder / "train", prepare, config.num_workers))
        validation.append(
            CaseCache(data.validation, folder / "validation", prepare, config.num_workers)
        )
    return TrainingCaches(tuple(train), tuple(validation))


def build_caches(caches: TrainingCaches) -> Iterator[TrainingProgress]:
    """Preprocess all cases that have no file yet."""
    for cache in caches.train:
        yield from cache.build(f"{cache.dataset.name} cases to train on")
    for cache in caches.validation:
        yield from cache.build(f"{cache.dataset.name} cases to validate with")


def _datasets(job: TrainingJob, task: type[Task[Any]]) -> list[str]:
    """Return the folder or the names of datasets that a training's data stand for."""
    if Path(job.data).exists():
        return [job.data]
    names = task.data_aliases.get(job.data, job.data).split(",")
    return [name.strip() for name in names]
