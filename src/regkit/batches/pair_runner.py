"""Register the pairs of a batch in a worker process: read, register, judge, score, write."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from regkit.batches.batch_pair import BatchPair
from regkit.batches.batch_plan import BatchPlan
from regkit.batches.input_state import input_digest
from regkit.batches.pair_table import read_pair_table
from regkit.batches.review_pages import write_review_pages
from regkit.benchmark.memory import peak_mb, reset_peak
from regkit.benchmark.method_runner import failure_reason
from regkit.benchmark.plan import Method
from regkit.benchmark.worker_plan import Facts
from regkit.datasets.case import Case
from regkit.datasets.folder import DatasetFolder
from regkit.datasets.pair_rows import FILE_COLUMNS
from regkit.errors import BenchmarkError, OutputError
from regkit.geometry.rigid import rigid_parameters
from regkit.geometry.transform import AffineTransform
from regkit.io.atomic_output import atomic_output
from regkit.io.selection import ImageSelection
from regkit.metrics.evaluation import Metric, evaluate
from regkit.registrar import Estimate
from regkit.registration.calibration_card import calibrated_model
from regkit.registration.choice_text import used_methods
from regkit.registration.modalities import with_modalities
from regkit.registration.pipeline import build_method
from regkit.registration.request import Origin, RegistrationRequest, requested_start
from regkit.registration.run import RegistrationResult, plain_parameters, run
from regkit.registration.saved import Saved
from regkit.registry import default_registry, leave_out_plugins
from regkit.report.description import linear_fit
from regkit.report.dicom_output import DicomPair, read_dicom_pair
from regkit.report.fusion import DisplayRange
from regkit.report.picture import color_key, unregistered
from regkit.report.record import Inputs, sha256_of, to_plain_data
from regkit.report.request_record import inputs_of
from regkit.report.save import save_registration
from regkit.report.summary import correction

# Beginning of the names of the files of each pair, in its folder.
PREFIX = "registration"
# Scores that labels, landmarks or a true transform allow; their value before is recorded as well.
SCORES = ("dice", "tre_mm")


@dataclass
class _Watch:
    """Seconds of the stages of a pair."""

    seconds: dict[str, float]
    since: float

    def lap(self, stage: str) -> None:
        """Add the time since the last stage to a stage."""
        now = time.perf_counter()
        self.seconds[stage] = round(self.seconds.get(stage, 0.0) + now - self.since, 4)
        self.since = now


class PairRunner:
    """A loaded method and the pairs of a batch.

    Parameters
    ----------
    plan
        The batch.
    method
        Its method.
    """

    def __init__(self, plan: BatchPlan, method: Method) -> None:
        self._plan = plan
        self._registry = default_registry(builtin_only=plan.builtin_only)
        defaults = {"seed": plan.seed, "device": plan.device, "threads": plan.threads or None}
        self._registrar = build_method(
            method.expression, method.parameters, self._registry, defaults
        )
        self._calibration = calibrated_model(plan.calibration or None)
        self._pairs = read_pair_table(Path(plan.pairs))
        self._metrics: dict[str, Metric] = {
            name: self._registry.metric(name).load() for name in SCORES
        }

    @property
    def parameters(self) -> Facts:
        """Every parameter of the method, defaults included."""
        return dict(json.loads(json.dumps(to_plain_data(plain_parameters(self._registrar)))))

    def run(self, index: int, case_id: str, folder: str, stage: Callable[..., None]) -> Facts:
        """Register a pair and write its files.

        Parameters
        ----------
        index
            Index of the pair in the table.
        case_id
            Expected id of the pair.
        folder
            Batch folder.
        stage
            Function called with the facts so far, after reading and after registering.

        Returns
        -------
        dict
            Facts for `regkit.benchmark.records.new_record`, and more; ``status`` among them.

        Raises
        ------
        OutputError
            The folder cannot be written, which is no failure of the method.
        """
        watch = _Watch({}, time.perf_counter())
        facts: Facts = {"timing_s": watch.seconds}
        try:
            pair = self._pair(index, case_id)
            case = self._case(pair)
            watch.lap("load")
            stage(now="registering", group=case.group, timing_s=watch.seconds)
            reset_peak()
            inputs, result = self._registered(pair, case, watch)
            facts |= {"group": case.group, "peak_memory_mb": round(peak_mb(), 1)}
            stage(now="writing", **facts)
            described = self._described(case, result)
            watch.lap("score")
            written = self._written(pair, result, inputs, Path(folder), watch)
            return facts | described | written
        except OutputError:
            raise
        except BaseException as error:  # a method may raise SystemExit as well
            # Without the verdict on a result that there is not.
            return facts | {"status": "failed", "error": failure_reason(error)}

    def _pair(self, index: int, case_id: str) -> BatchPair:
        pair = self._pairs[index]
        if pair.id != case_id:
            raise BenchmarkError(f"{self._plan.pairs} has {pair.id} in place of {case_id}")
        return pair

    def _case(self, pair: BatchPair) -> Case:
        """Read a pair, and what it is scored by; its initial transform comes later."""
        entry = {"id": pair.id, **pair.values}
        entry.pop("init", None)
        case = DatasetFolder(Path(), "", (entry,)).case(0)
        return replace(case, pair=with_modalities(case.pair))

    def _request(self, pair: BatchPair) -> RegistrationRequest:
        """Return the registration that a pair and the settings of the batch ask for."""
        plan, values = self._plan, pair.values
        files: dict[str, Any] = {
            role: Path(values[role])
            for role in ("fixed", "moving", "fixed_mask", "moving_mask")
            if role in values
        }
        words: dict[str, Any] = {
            name: values[name]
            for name in ("fixed_roi", "moving_roi", "fixed_modality", "moving_modality")
            if name in values
        }
        return RegistrationRequest(
            **files,
            **words,
            method=plan.method,
            parameters=plan.parameters,
            seed=plan.seed,
            device=plan.device,
            threads=plan.threads,
            init=values.get("init") or plan.init or None,
            selections=_selections(pair),
            witnesses=plan.witnesses,
            calibration=Path(plan.calibration) if plan.calibration else None,
        )

    def _registered(
        self, pair: BatchPair, case: Case, watch: _Watch
    ) -> tuple[Inputs, RegistrationResult]:
        """Start, register and judge."""
        load_s, started = watch.seconds["load"], time.perf_counter()
        request = self._request(pair)
        with leave_out_plugins(self._plan.builtin_only):
            init = request.initializer
            start, assumption = requested_start(case.pair, init, request)
            init_s = time.perf_counter() - started
            result = run(
                *(self._registrar, start, self._plan.method),
                witnesses=self._plan.witnesses,
                calibration=self._calibration,
            )
        watch.lap("verdict")
        watch.seconds["compute"] = round(init_s + result.compute_s, 4)
        watch.seconds["verdict"] = round(watch.seconds["verdict"] - watch.seconds["compute"], 4)
        origin = Origin(request, init, assumption, load_s, init_s)
        digest, command = pair.digest(self._plan.settings), self._plan.command
        return inputs_of(origin, digest, command=command), result

    def _described(self, case: Case, result: RegistrationResult) -> Facts:
        """Return the motion, the verdict and the scores of a result."""
        errors: dict[str, str] = {}

        def record_error(name: str, error: Exception) -> None:
            errors[name] = failure_reason(error)

        before = replace(result, estimate=Estimate(unregistered(result.pair)))
        scores = evaluate(case, result, self._metrics, record_error)
        at_first = evaluate(case, before, self._metrics, record_error)
        error = result.verdict.error
        return {
            "used": used_methods(result.estimate.diagnostics),
            "verdict": result.verdict.status,
            "reasons": list(result.verdict.reasons),
            **(error.as_data() if error else {}),
            "scores": to_plain_data(scores),
            "scores_before": to_plain_data(at_first),
            "score_errors": errors,
            "device": result.device,
            "runtime_s": round(result.compute_s, 4),
            "modalities": [case.pair.fixed.modality, case.pair.moving.modality],
            **_motion(result),
        }

    def _written(
        self,
        pair: BatchPair,
        result: RegistrationResult,
        inputs: Inputs,
        folder: Path,
        watch: _Watch,
    ) -> Facts:
        """Write the files of a pair and its pages; return the last facts of its record."""
        saved = self._saved(pair, result, inputs, folder)
        written = saved.record
        write_review_pages(result, saved, pair.folder_name, folder)
        watch.lap("save")
        transform = folder / pair.folder_name / written["transform"]["file"]
        images = result.shown.fixed, result.shown.moving
        return {
            "status": "ok",
            "files": sorted(path.relative_to(folder).as_posix() for path in saved.files),
            "transform_sha256": sha256_of(transform),
            "inputs_sha256": input_digest(pair),
            "correction": correction(written),
            "colors": color_key(*images, (DisplayRange.of(images[0]), DisplayRange.of(images[1]))),
            "model": written["transform"]["model"],
            "start": {key: written["start"].get(key, "") for key in ("init", "assumption")},
            "date": written["date"],
            "versions": written["versions"],
        }

    def _saved(
        self, pair: BatchPair, result: RegistrationResult, inputs: Inputs, folder: Path
    ) -> Saved:
        dicom = self._dicom_pair(pair)
        read = [Path(pair.values[name]) for name in FILE_COLUMNS if name in pair.values]
        with atomic_output(folder / pair.folder_name, read) as stage:
            return save_registration(
                *(result, PREFIX, stage, inputs), warped=self._plan.warped, dicom=dicom
            )

    def _dicom_pair(self, pair: BatchPair) -> DicomPair | None:
        if not self._plan.dicom:
            return None
        selections = _selections(pair)
        fixed, moving = Path(pair.values["fixed"]), Path(pair.values["moving"])
        return read_dicom_pair(fixed, moving, selections["fixed"], selections["moving"])


def _selections(pair: BatchPair) -> dict[str, ImageSelection]:
    return {
        role: ImageSelection(pair.values.get(f"{role}_series", "")) for role in ("fixed", "moving")
    }


def _motion(result: RegistrationResult) -> Facts:
    """Return rotation, the motion of the moving image to its place, and the matrix."""
    centre = result.pair.fixed.grid.centre
    motion = rigid_parameters(linear_fit(result.transform, centre), centre)
    found = result.transform
    return {
        "rotation_deg": motion.rotation_deg,
        # The content of the moving image that belongs to the centre lies at centre + translation.
        "moving_shift_to_match_mm": [0.0 - component for component in motion.translation_mm],
        "transform": found.matrix.tolist() if isinstance(found, AffineTransform) else None,
    }
