"""The configuration of a training: optimizer, schedule, precision, and how often to do what."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, ClassVar, Literal, TypeVar

from regkit.errors import ParameterError
from regkit.learning.card import MAX_PASSES
from regkit.learning.renamed_keys import renamed_key
from regkit.learning.training_job import TrainingJob
from regkit.registration.parameters import check_each, check_ranges, configure
from regkit.registry import suggest

C = TypeVar("C", bound="TrainingConfig")


@dataclass(frozen=True)
class TrainingConfig:
    """Base of the configurations of trainings; a step is one batch.

    A method adds its own fields in a subclass.

    Parameters
    ----------
    batch_size, steps, seed
        Number of cases in a step, number of steps, seed of everything random.
    ema_decay
        Decay of the exponential moving average of the weights, which is exported; 0 for none.
    optimizer, learning_rate, betas, weight_decay
        Optimizer and its parameters, as of torch.
    grad_clip_norm
        Greatest norm of the gradients; 0 for any.
    lr_schedule, warmup, decay_steps, decay_rate, milestones
        Schedule of the learning rate: ``cosine`` to zero, ``exponential`` by `decay_rate` each
        `decay_steps` steps, ``steps`` by `decay_rate` at each of `milestones`, ``polynomial`` to
        zero by the power `decay_rate`, or ``constant``; after a linear rise over `warmup` steps.
    precision
        Precision of the forward pass; ``bfloat16`` is automatic mixed precision, on a GPU only.
    validate_every, checkpoint_every, log_every
        Numbers of steps.
    num_workers
        Number of processes that preprocess cases.
    passes
        Number of passes of the network in validation and in use.
    cases, validation_cases
        Numbers of cases of a simulated dataset.

    Raises
    ------
    ParameterError
        A value is out of range.
    """

    batch_size: int = 8
    steps: int = 1000
    seed: int = 0
    ema_decay: float = 0.0
    optimizer: Literal["adam", "adamw"] = "adam"
    learning_rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    grad_clip_norm: float = 0.0
    lr_schedule: Literal["cosine", "exponential", "steps", "polynomial", "constant"] = "constant"
    warmup: int = 0
    decay_steps: int = 100
    decay_rate: float = 0.99
    milestones: tuple[int, ...] = ()
    precision: Literal["float32", "bfloat16"] = "float32"
    validate_every: int = 250
    checkpoint_every: int = 100
    log_every: int = 10
    num_workers: int = 1
    passes: int = 1
    cases: int = 100
    validation_cases: int = 10

    # Fields that may differ when a training is resumed: they do not change the weights.
    FREE: ClassVar[frozenset[str]] = frozenset(
        {"num_workers", "validate_every", "checkpoint_every"}
    )

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        check_ranges(
            self,
            batch_size=(1, 4096),
            steps=(1, 1e9),
            seed=(0, 2**31),
            ema_decay=(0, 1 - 1e-9),
            learning_rate=(1e-12, 10),
            validate_every=(1, 1e9),
            checkpoint_every=(1, 1e9),
            log_every=(1, 1e9),
            decay_steps=(1, 1e9),
            weight_decay=(0, 1e3),
            grad_clip_norm=(0, 1e9),
            warmup=(0, 1e9),
            decay_rate=(0, 1e3),
            num_workers=(1, 1024),
            passes=(1, MAX_PASSES),
            cases=(1, 1e6),
            validation_cases=(1, 1e6),
        )
        check_each(self, 0, 1 - 1e-9, "betas")

    def to_json(self) -> dict[str, Any]:
        """Return all fields as JSON gives them back: tuples become lists."""
        return dict(json.loads(json.dumps(dataclasses.asdict(self))))

    def differences(self, other: Mapping[str, Any]) -> list[str]:
        """Return a phrase for each field in which another training differs, but for `FREE`.

        Parameters
        ----------
        other
            Fields of the other training, as `to_json` returns them.
        """
        own = self.to_json()
        if renamed := renamed_key(other, own):
            return [f"{renamed}: it was written by an older version"]
        return [
            f"{key} {other.get(key)}, not {value}"
            for key, value in own.items()
            if key not in self.FREE and other.get(key) != value
        ]


def read_training_config(
    kind: type[C], package: str, job: TrainingJob
) -> tuple[C, dict[str, dict[str, Any]]]:
    """Return the configuration of a training, and the parameters of datasets in its preset.

    A preset is a file ``presets/NAME.toml`` of a package. A method's configuration is made of the
    keys at its top, then those of the table that the method names as its ``family``, then those of
    the method's own table, then the changes of the job. Tables under ``data`` are parameters of
    simulated datasets.

    Parameters
    ----------
    kind
        Class of the configuration.
    package
        Import name of the package that has the folder ``presets``.
    job
        The training.

    Raises
    ------
    ParameterError
        There is no such preset, it has no table for the method, or a key or value is refused.
    """
    content = _read_preset(package, job.preset)
    if job.method not in content:
        raise ParameterError(f"the preset '{job.preset}' has no choices for '{job.method}'")
    own = dict(content[job.method])
    family = content[own.pop("family")] if "family" in own else {}
    common = {key: value for key, value in content.items() if not isinstance(value, dict)}
    given = {} if job.steps is None else {"steps": job.steps}
    values = {**common, **family, **own, **job.changes, **given}
    known = [field.name for field in dataclasses.fields(kind)]
    if renamed := renamed_key(values, known):
        raise ParameterError(f"preset {job.preset}: {renamed}")
    config: C = configure(kind, f"preset {job.preset}", values)
    return config, content.get("data", {})


def _read_preset(package: str, name: str) -> dict[str, Any]:
    folder = files(package).joinpath("presets")
    names = (file.name for file in folder.iterdir())
    presets = sorted(file.removesuffix(".toml") for file in names if file.endswith(".toml"))
    if name not in presets:
        raise ParameterError(f"no preset is called '{name}'; {suggest(name, presets)}")
    return tomllib.loads(folder.joinpath(f"{name}.toml").read_text("utf-8"))
