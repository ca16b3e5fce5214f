"""Register the pairs of a batch in a worker process."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from regkit.batches.batch_pair import BatchPair
from regkit.batches.batch_plan import BatchPlan
from regkit.batches.batch_runner import BatchRunner, Registered
from regkit.batches.review_pages import write_review_pages
from regkit.benchmark.plan import Method
from regkit.datasets.case import Case
from regkit.datasets.folder import DatasetFolder
from regkit.datasets.pair_rows import FILE_COLUMNS
from regkit.io.atomic_output import atomic_output
from regkit.io.selection import ImageSelection
from regkit.metrics.evaluation import Metric
from regkit.registration.calibration_card import calibrated_model
from regkit.registration.modalities import with_modalities
from regkit.registration.request import Origin, RegistrationRequest, requested_start
from regkit.registration.run import RegistrationResult, run
from regkit.registration.saved import Saved
from regkit.registry import leave_out_plugins
from regkit.report.dicom_output import DicomPair, read_dicom_pair
from regkit.report.fusion import DisplayRange
from regkit.report.picture import color_key
from regkit.report.request_record import inputs_of
from regkit.report.save import save_registration

# Scores that labels, landmarks or a true transform allow; their value before is recorded as well.
SCORES = ("dice", "tre_mm")


class PairRunner(BatchRunner[DicomPair]):
    """A loaded method and the pairs of a batch; see `BatchRunner` for the parameters."""

    def __init__(self, plan: BatchPlan, method: Method) -> None:
        super().__init__(plan, method)
        self._calibration = calibrated_model(plan.calibration or None)

    def _scores(self) -> dict[str, Metric]:
        return {name: self._registry.metric(name).load() for name in SCORES}

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

    def _registered(self, pair: BatchPair, case: Case, load_s: float) -> Registered:
        """Start, register and judge."""
        started = time.perf_counter()
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
        origin = Origin(request, init, assumption, load_s, init_s)
        digest, command = pair.digest(self._plan.settings), self._plan.command
        inputs = inputs_of(origin, digest, command=command)
        return Registered(result, inputs, init_s + result.compute_s, _colors(result))

    def _headers(self, pair: BatchPair) -> DicomPair:
        fixed, moving = Path(pair.values["fixed"]), Path(pair.values["moving"])
        selections = _selections(pair)
        return read_dicom_pair(fixed, moving, selections["fixed"], selections["moving"])

    def _saved(
        self, pair: BatchPair, found: Registered, headers: DicomPair | None, folder: Path
    ) -> Saved:
        prefix = self._plan.kind.prefix
        read = [Path(pair.values[name]) for name in FILE_COLUMNS if name in pair.values]
        with atomic_output(folder / pair.folder_name, read) as stage:
            saved = save_registration(
                *(found.result, prefix, stage, found.inputs),
                warped=self._plan.warped,
                dicom=headers,
            )
        write_review_pages(found.result, saved, pair.folder_name, folder)
        return saved


def _selections(pair: BatchPair) -> dict[str, ImageSelection]:
    return {
        role: ImageSelection(pair.values.get(f"{role}_series", "")) for role in ("fixed", "moving")
    }


def _colors(result: RegistrationResult) -> str:
    """Return a phrase on the colors of both images in the pictures."""
    images = result.shown.fixed, result.shown.moving
    return color_key(*images, (DisplayRange.of(images[0]), DisplayRange.of(images[1])))
