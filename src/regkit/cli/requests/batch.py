"""A batch as the command line asks for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regkit.cli.context import settings
from regkit.cli.requests.benchmark import Execution
from regkit.cli.requests.interruption import resumable
from regkit.cli.requests.method_settings import MethodSettings

if TYPE_CHECKING:
    from regkit.batches.batch import Batch
    from regkit.batches.batch_kind import BatchKind
    from regkit.batches.batch_pair import BatchPair
    from regkit.batches.batch_plan import BatchPlan
    from regkit.benchmark.harness import BenchmarkProgress


@dataclass(frozen=True)
class BatchRequest:
    """One run of ``regkit batch``.

    Parameters
    ----------
    pairs
        Tables, folders of patients, BIDS datasets and dataset folders.
    folder
        Batch folder.
    method
        Expression of method names; None for the default.
    settings
        Parameters, device and seed of the methods.
    execution
        Resources.
    to
        Standard frame to which single images are reoriented; empty for pairs to register.
    pair, image
        Names of the images of a folder of patients, for pairs and for single images; None for
        other sources.
    reviewed
        CSV of marks; None for those of the batch folder.
    init
        Initializer of pairs that name none; empty for the default of the method.
    witnesses
        Methods whose results the verdicts compare with.
    calibration
        Card of the verdict, or its folder; None for the one that comes with regkit.
    warped
        True to write the moving images resampled onto the fixed grids.
    dicom
        True to write images and transforms as DICOM, too.
    force
        True to replace results of other settings.
    """

    pairs: tuple[Path, ...]
    folder: Path
    method: str | None = None
    settings: MethodSettings = field(default_factory=MethodSettings)
    execution: Execution = field(default_factory=Execution)
    to: str = ""
    pair: str | None = None
    image: str | None = None
    reviewed: Path | None = None
    init: str = ""
    witnesses: tuple[str, ...] = ()
    calibration: Path | None = None
    warped: bool = True
    dicom: bool = False
    force: bool = False

    @property
    def kind(self) -> BatchKind:
        """The kind of the batch: pairs or single images."""
        from regkit.batches.batch_kind import kind_of

        return kind_of(self.to)


def batch_pairs(request: BatchRequest) -> list[BatchPair]:
    """Return the pairs of a request."""
    from regkit.batches.batch_kind import names_of_images
    from regkit.batches.pair_sources import read_pairs

    names = names_of_images(request.kind, request.pair, request.image)
    return read_pairs(request.pairs, names, request.kind)


def run_batch_request(
    request: BatchRequest,
    pairs: list[BatchPair],
    on_progress: Callable[[BenchmarkProgress], None],
) -> Batch:
    """Run what is missing of a batch; an interruption ends the command with one line."""
    from regkit.batches.batch import run_batch
    from regkit.batches.review import read_reviews
    from regkit.benchmark.executor import open_executor

    execution = request.execution
    reviews = None if request.reviewed is None else read_reviews(request.reviewed)
    plan = _plan(request)
    with (
        resumable(request.folder),
        open_executor(execution.workers, execution.dask) as (execute, parallel),
    ):
        return run_batch(
            *(plan, pairs, request.folder, execute),
            concurrency=parallel,
            reviews=reviews,
            retry_failed=execution.retry_failed,
            force=request.force,
            on_progress=on_progress,
        )


def _plan(request: BatchRequest) -> BatchPlan:
    from regkit.batches.batch import default_method
    from regkit.batches.batch_plan import BatchPlan

    execution, method = request.execution, request.settings
    limits: dict[str, Any] = {"timeout_s": execution.timeout_s, "memory_mb": execution.memory_mb}
    return BatchPlan(
        pairs="",
        method=request.method or default_method(request.to, builtin_only=settings.builtin_only),
        to=request.to,
        parameters=method.parameters,
        init=request.init,
        witnesses=request.witnesses,
        calibration="" if request.calibration is None else str(request.calibration.resolve()),
        warped=request.warped,
        dicom=request.dicom,
        seed=method.seed,
        device=method.device,
        threads=execution.threads_per_worker,
        builtin_only=settings.builtin_only,
        command=settings.command,
        **{name: value for name, value in limits.items() if value is not None},
    )
