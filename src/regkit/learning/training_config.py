"""The choices of a training that have nothing to do with what is learnt."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, ClassVar, Literal, TypeVar

from regkit.errors import ParameterError
from regkit.registration.parameters import check_each, check_ranges, configure
from regkit.registry import suggest
from regkit.training import TrainingJob

C = TypeVar("C", bound="Course")


@dataclass(frozen=True)
class Course:
    """How a training goes on; a step is one batch.

    Methods add their own choices in a subclass.

    Parameters
    ----------
    batch, steps, seed
        Cases a step, steps in all, and of all that is drawn.
    average
        Decay of the moving average of the weights, which is what is kept; 0 for none.
    optimiser, rate, betas, weight_decay, clip
        Of torch; `clip` is the greatest norm of a gradient, 0 for any.
    schedule, warmup, every, factor, milestones
        Of the rate: ``cosine`` to zero, ``exponential`` by `factor` each `every` steps, ``steps``
        by `factor` at each of `milestones`, ``polynomial`` to zero by the power `factor`,
        ``constant``; first it rises over `warmup` steps.
    precision
        ``bfloat16`` mixes precisions, on a GPU only.
    validate_every, checkpoint_every, log_every
        In steps.
    workers
        Processes that prepare cases.
    """

    batch: int = 8
    steps: int = 1000
    seed: int = 0
    average: float = 0.0
    optimiser: Literal["adam", "adamw"] = "adam"
    rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    clip: float = 0.0
    schedule: Literal["cosine", "exponential", "steps", "polynomial", "constant"] = "constant"
    warmup: int = 0
    every: int = 100
    factor: float = 0.99
    milestones: tuple[int, ...] = ()
    precision: Literal["float32", "bfloat16"] = "float32"
    validate_every: int = 250
    checkpoint_every: int = 100
    log_every: int = 10
    workers: int = 1

    # What may change when a training goes on: none of it moves the curve.
    FREE: ClassVar[frozenset[str]] = frozenset({"workers", "validate_every", "checkpoint_every"})

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        check_ranges(
            self,
            batch=(1, 4096),
            steps=(1, 1e9),
            seed=(0, 2**31),
            average=(0, 1 - 1e-9),
            rate=(1e-12, 10),
            validate_every=(1, 1e9),
            checkpoint_every=(1, 1e9),
            log_every=(1, 1e9),
            every=(1, 1e9),
            weight_decay=(0, 1e3),
            clip=(0, 1e9),
            warmup=(0, 1e9),
            factor=(0, 1e3),
            workers=(1, 1024),
        )
        check_each(self, 0, 1 - 1e-9, "betas")

    def plain(self) -> dict[str, Any]:
        """Return all choices as JSON would give them back."""
        return dict(json.loads(json.dumps(dataclasses.asdict(self))))

    def differences(self, there: dict[str, Any]) -> list[str]:
        """Say in words which choices of another training's are not these."""
        return [
            f"{key} {there.get(key)}, not {value}"
            for key, value in self.plain().items()
            if key not in self.FREE and there.get(key) != value
        ]


def read_course(
    kind: type[C], package: str, job: TrainingJob
) -> tuple[C, dict[str, dict[str, Any]]]:
    """Return the choices of a job's preset for its method, and parameters of datasets in it.

    A preset is a file ``presets/NAME.toml`` of a package: a method's choices are those at its top,
    then those of the family that the method names, then its own, then the job's changes. Tables
    under ``data`` are parameters of datasets.

    Parameters
    ----------
    kind
        The class of the choices.
    package
        Where the folder ``presets`` is.
    job
        The training.

    Raises
    ------
    ParameterError
        There is no such preset, it does not know the method, or a change cannot be made.
    """
    folder = files(package).joinpath("presets")
    names = (file.name for file in folder.iterdir())
    presets = sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))
    if job.preset not in presets:
        raise ParameterError(f"no preset is called '{job.preset}'; {suggest(job.preset, presets)}")
    content = tomllib.loads(folder.joinpath(f"{job.preset}.toml").read_text("utf-8"))
    if job.method not in content:
        raise ParameterError(f"the preset '{job.preset}' has no choices for '{job.method}'")
    own = dict(content[job.method])
    family = content[own.pop("family")] if "family" in own else {}
    common = {key: value for key, value in content.items() if not isinstance(value, dict)}
    given = {} if job.steps is None else {"steps": job.steps}
    choices = {**common, **family, **own, **job.changes, **given}
    course: C = configure(kind, f"preset {job.preset}", choices)
    return course, content.get("data", {})
