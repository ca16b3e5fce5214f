"""Run one method on cases; measure its time, its memory and its scores."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import re
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from regkit.benchmark.memory import peak_mb, reset_peak
from regkit.benchmark.plan import Method, Plan
from regkit.benchmark.worker_plan import Facts
from regkit.datasets.case import Case
from regkit.errors import (
    BenchmarkError,
    DeviceError,
    OutputError,
    RegkitError,
    error_in_one_line,
    short_message,
)
from regkit.geometry.transform import AffineTransform
from regkit.io.atomic_output import atomic_output
from regkit.io.transforms import write_transform
from regkit.metrics.evaluation import Metric, evaluate
from regkit.registrar import Pair
from regkit.registration.calibration_card import calibrated_model
from regkit.registration.choice_text import used_methods
from regkit.registration.device import is_gpu
from regkit.registration.pipeline import build_method
from regkit.registration.result_measures import tolerance_mm
from regkit.registration.run import RegistrationResult, run
from regkit.registry import Registry, default_registry, leave_out_plugins

TRANSFORMS_FOLDER = "transforms"


class MethodRunner:
    """A loaded method, the cases that it is run on, and the metrics that score it.

    Parameters
    ----------
    plan
        The benchmark.
    method
        One of its methods.
    """

    def __init__(self, plan: Plan, method: Method) -> None:
        registry = default_registry(builtin_only=plan.builtin_only)
        defaults = {"seed": plan.seed, "device": plan.device}
        self._method, self._device = method, plan.device
        self._builtin_only = plan.builtin_only
        with _hint_for_some_methods(plan.device):
            self._registrar = build_method(
                method.expression, method.parameters, registry, defaults
            )
        if is_gpu(plan.device):
            _require(plan.device)
        self._cases = plan.dataset.open(registry)
        self._calibration = calibrated_model(plan.calibration or None)
        # What metrics import with their module counts to the memory of no case.
        self._metrics = _metrics(registry)

    @property
    def parameters(self) -> Facts:
        """Every parameter of the method, defaults included."""
        registrar: Any = self._registrar
        known: Facts = {}
        if dataclasses.is_dataclass(registrar) and not isinstance(registrar, type):
            known = dataclasses.asdict(registrar)
        # A record is strict JSON, which has no NaN and no infinity: they become texts.
        return dict(json.loads(json.dumps(known, default=str), parse_constant=str))

    def run(self, index: int, case_id: str, folder: str, stage: Callable[..., None]) -> Facts:
        """Run the method on a case.

        Parameters
        ----------
        index
            Index of the case in the dataset.
        case_id
            Expected id of the case; the dataset may have changed since the task was made.
        folder
            Benchmark folder, to which a transform that is not linear is written.
        stage
            Function called with the facts so far, after reading and after registering the case.

        Returns
        -------
        dict
            Facts for `regkit.benchmark.records.new_record`, ``status`` among them.

        Raises
        ------
        OutputError
            The folder cannot be written, which is no failure of the method.
        """
        timing: dict[str, float] = {}
        facts: Facts = {"timing_s": timing}
        try:
            with _timed(timing, "load"):
                case = self._case(index, case_id)
            stage(now="registering", group=case.group, timing_s=timing)
            reset_peak()
            try:
                result = self._registered(case.pair, timing)
            finally:
                facts |= {"group": case.group, "peak_memory_mb": round(peak_mb(), 1)}
                facts["runtime_s"] = timing["compute"]
            # The verdict is computed by regkit, not by the method.
            timing["score"] = timing["compute"] - result.compute_s
            timing["compute"] = facts["runtime_s"] = round(result.compute_s, 4)
            stage(now="scoring", **facts)
            return facts | self._scored(case, result, timing, Path(folder))
        except OutputError:
            raise
        except BaseException as error:  # a method may raise SystemExit as well
            return facts | {"status": "failed", "error": failure_reason(error)}

    def _case(self, index: int, case_id: str) -> Case:
        case = self._cases.case(index)
        if case.id != case_id:
            raise BenchmarkError(
                f"the dataset has case {case.id} in place of {case_id}; it must not change during "
                "a benchmark"
            )
        return case

    def _registered(self, pair: Pair, timing: dict[str, float]) -> RegistrationResult:
        with (
            leave_out_plugins(self._builtin_only),
            _unchanged(pair),
            _timed(timing, "compute"),
        ):
            return run(*(self._registrar, pair, self._method.label), calibration=self._calibration)

    def _scored(
        self, case: Case, result: RegistrationResult, timing: dict[str, float], folder: Path
    ) -> Facts:
        errors: dict[str, str] = {}

        def record_error(name: str, error: Exception) -> None:
            errors[name] = error_in_one_line(error)

        before = timing.pop("score")
        with _timed(timing, "score"):
            scores = evaluate(case, result, self._metrics, record_error, self._device)
        timing["score"] = round(timing["score"] + before, 4)
        with _timed(timing, "save"):
            transform = _stored_transform(result, folder, self._method.label, case.id)
        return {
            "status": "ok",
            "used": used_methods(result.estimate.diagnostics),
            "verdict": result.verdict.status,
            "reasons": list(result.verdict.reasons),
            "tolerance_mm": tolerance_mm(case.pair),
            **(result.verdict.error.as_data() if result.verdict.error else {}),
            "scores": {k: v if math.isfinite(v) else None for k, v in scores.items()},
            "score_errors": errors,
            "device": result.device,
            "transform": transform,
        }


@contextmanager
def _unchanged(pair: Pair) -> Iterator[None]:
    """Raise if a block writes into the images, which its result is scored with."""
    before = _checksum(pair)
    yield
    if _checksum(pair) != before:
        raise BenchmarkError("the method changed its input images; it must copy them first")


def _checksum(pair: Pair) -> tuple[int, ...]:
    """Return a checksum of each image and mask."""
    volumes = (pair.fixed, pair.moving, pair.fixed_mask, pair.moving_mask)
    return tuple(zlib.crc32(volume.array.data) for volume in volumes if volume is not None)


@contextmanager
def _hint_for_some_methods(gpu: str) -> Iterator[None]:
    """Add to the refusal of a GPU how it is given to the other methods of a benchmark."""
    try:
        yield
    except DeviceError as error:
        hint = f"for other methods of a benchmark: --set METHOD.device={gpu}"
        raise DeviceError(f"{error}; {hint}") from error


def _require(gpu: str) -> None:
    """Raise `DeviceError` where this machine has no such GPU, before the first case."""
    from regkit.learning.device import device_named  # noqa: PLC0415 - loads torch

    device_named(gpu)


def _metrics(registry: Registry) -> dict[str, Metric]:
    usable = (offer for offer in registry.metrics if not offer.problem)
    return {offer.spec.name: offer.load() for offer in usable}


@contextmanager
def _timed(timing: dict[str, float], stage: str) -> Iterator[None]:
    started = time.perf_counter()
    try:
        yield
    finally:
        timing[stage] = round(time.perf_counter() - started, 4)


def _stored_transform(result: RegistrationResult, folder: Path, label: str, case_id: str) -> Any:
    """Return a linear transform as rows of numbers, or the file that holds another one."""
    if isinstance(result.transform, AffineTransform):
        return [list(row) for row in result.transform.matrix.tolist()]
    subfolder = Path(TRANSFORMS_FOLDER) / _file_name(label)
    name = f"{_file_name(case_id)}.h5"
    with atomic_output(folder / subfolder) as stage:
        write_transform(result.transform, stage.path(name))
    return (subfolder / name).as_posix()


def _file_name(text: str) -> str:
    """Return a file name for a text; different texts give different names."""
    safe = re.sub(r"[^A-Za-z0-9._+-]", "_", text)
    if safe == text and not text.startswith("."):
        return text
    return f"{safe.lstrip('.')}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def failure_reason(error: BaseException) -> str:
    """Return one line for the error that made a task fail."""
    if isinstance(error, RegkitError):
        return short_message(str(error))
    if isinstance(error, MemoryError):
        return "ran out of memory"
    return error_in_one_line(error)
