"""Settings of a batch, as worker processes get them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from regkit.batches.batch_kind import BatchKind, kind_of
from regkit.benchmark.plan import Method
from regkit.errors import BenchmarkError

# Settings that do not change what is written.
_NOT_DECISIVE = {"pairs", "threads", "timeout_s", "memory_mb", "command"}


@dataclass(frozen=True)
class BatchPlan:
    """Settings of a batch.

    Parameters
    ----------
    pairs
        Table of the pairs, as `regkit.batches.pair_table.write_pair_table` writes it.
    method
        Expression of method names; see `regkit.registration.pipeline.build_method`.
    parameters
        Parameters that differ from the defaults.
    init
        Initializer of pairs that name none; empty for the default of the method.
    witnesses
        Methods whose results the verdict compares with.
    calibration
        Card of the verdict, or its folder; empty for the one that comes with regkit.
    warped
        True to write the moving images resampled onto the fixed grids.
    dicom
        True to write images and transforms as DICOM, too.
    seed, device
        Values for every method that has such a parameter.
    threads
        Threads of each worker process; 0 for the default of the libraries.
    timeout_s
        Time limit of each stage of a pair: reading, registering, writing.
    memory_mb
        Memory limit of a worker process; 0 for no limit.
    builtin_only
        Plugins of other packages are left out.
    command
        Command line; empty for a batch from Python.
    to
        Standard frame to which single images are reoriented; empty for pairs to register.
    """

    pairs: str
    method: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    init: str = ""
    witnesses: tuple[str, ...] = ()
    calibration: str = ""
    warped: bool = True
    dicom: bool = False
    seed: int = 0
    device: str = "auto"
    threads: int = 1
    timeout_s: float = 3600.0
    memory_mb: int = 0
    builtin_only: bool = False
    command: str = ""
    to: str = ""

    @property
    def kind(self) -> BatchKind:
        """The kind of the batch: pairs or single images."""
        return kind_of(self.to)

    @property
    def runner(self) -> str:
        """Import target of what worker processes run."""
        return self.kind.runner

    @property
    def scorer(self) -> str:
        """Nothing: a batch writes results and has no known truth."""
        return ""

    @property
    def methods(self) -> tuple[Method, ...]:
        """The one method of the batch, under the label of its expression."""
        return (Method(self.method, self.method, self.parameters),)

    @property
    def idle(self) -> list[str]:
        """Options that are set and that reorientations do not use, by their names."""
        given = {
            "--init": self.init,
            "--witness": self.witnesses,
            "--calibration": self.calibration,
            "--no-warped": not self.warped,
        }
        return [name for name, value in given.items() if value]

    @property
    def settings(self) -> dict[str, Any]:
        """Settings that decide what is written, as plain data."""
        return {k: v for k, v in self.as_dict().items() if k not in _NOT_DECISIVE}

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as plain data."""
        return dict(json.loads(json.dumps(asdict(self), default=str)))

    @staticmethod
    def of(content: Mapping[str, Any]) -> BatchPlan:
        """Build a plan from plain data.

        Raises
        ------
        BenchmarkError
            A key is missing or unknown.
        """
        try:
            return BatchPlan(**{**content, "witnesses": tuple(content.get("witnesses", ()))})
        except TypeError as error:
            raise BenchmarkError(f"not the plan of a batch: {error}") from error
