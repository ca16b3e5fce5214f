"""Run one method on cases; measure its time and its memory."""

from __future__ import annotations

import dataclasses
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from regkit.benchmark.handover import handed_pair, write_estimate
from regkit.benchmark.memory import peak_mb, reset_peak
from regkit.benchmark.plan import Method, Plan
from regkit.benchmark.stage_timing import timed
from regkit.benchmark.worker_plan import Facts
from regkit.errors import BenchmarkError, DeviceError, OutputError, failure_reason
from regkit.registrar import Judge, Judgement, Pair
from regkit.registration.device import is_gpu
from regkit.registration.judgement import own_judgement
from regkit.registration.known_regions import known_pair
from regkit.registration.modalities import with_modalities
from regkit.registration.pipeline import build_method
from regkit.registration.run import RegistrationResult, run
from regkit.registry import default_registry, leave_out_plugins


class MethodRunner:
    """A loaded method; `regkit.benchmark.scorer` reads its cases, and scores it.

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

    @property
    def parameters(self) -> Facts:
        """Every parameter of the method, defaults included."""
        registrar: Any = self._registrar
        known: Facts = {}
        if dataclasses.is_dataclass(registrar) and not isinstance(registrar, type):
            known = dataclasses.asdict(registrar)
        # A record is strict JSON, which has no NaN and no infinity: they become texts.
        return dict(json.loads(json.dumps(known, default=str), parse_constant=str))

    def run(
        self,
        index: int,  # noqa: ARG002 - the pair of the case is in the folder
        case_id: str,  # noqa: ARG002
        folder: str,
        stage: Callable[..., None],
    ) -> Facts:
        """Run the method on a case.

        Parameters
        ----------
        index, case_id
            The case.
        folder
            Folder that pair and estimate are handed over in; see `regkit.benchmark.handover`.
        stage
            Function called with the facts so far, after reading and after registering the case.

        Returns
        -------
        dict
            Facts for `regkit.benchmark.records.new_record`, ``status`` among them, and the
            ``estimate`` unless it is ``failed``.

        Raises
        ------
        OutputError
            The folder cannot be written, which is no failure of the method.
        """
        timing: dict[str, float] = {}
        facts: Facts = {"timing_s": timing}
        try:
            with timed(timing, "load"):
                pair = handed_pair(Path(folder))
            stage(now="registering", timing_s=timing)
            reset_peak()
            try:
                result = self._registered(pair, timing)
            finally:
                facts["peak_memory_mb"] = round(peak_mb(), 1)
                facts["runtime_s"] = timing["compute"]
            timing["compute"] = facts["runtime_s"] = round(result.compute_s, 4)
            stage(now="handing over the result", **facts)
            handed = write_estimate(result.estimate, self._own_judgement(result), Path(folder))
            return facts | {"status": "ok", "estimate": handed}
        except OutputError:
            raise
        except BaseException as error:  # a method may raise SystemExit as well
            return facts | {"status": "failed", "error": failure_reason(error)}

    def _registered(self, pair: Pair, timing: dict[str, float]) -> RegistrationResult:
        with (
            leave_out_plugins(self._builtin_only),
            _unchanged(pair),
            timed(timing, "compute"),
        ):
            return run(self._registrar, pair, self._method.label, judge=False)

    def _own_judgement(self, result: RegistrationResult) -> Judgement | None:
        """Return what the judge of the method says, if it has one."""
        if not isinstance(self._registrar, Judge):
            return None
        known = known_pair(with_modalities(result.pair)).pair
        return own_judgement(self._registrar, known, result.estimate)


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
