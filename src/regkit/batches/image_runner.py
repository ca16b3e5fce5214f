"""Reorient the images of a batch to a standard frame in a worker process."""

from __future__ import annotations

from pathlib import Path

from regkit.batches.batch_pair import BatchPair
from regkit.batches.batch_plan import BatchPlan
from regkit.batches.batch_runner import BatchRunner, Registered
from regkit.batches.review_pages import write_picture_pages
from regkit.benchmark.plan import Method
from regkit.datasets.case import Case
from regkit.datasets.pair_rows import FILE_COLUMNS
from regkit.io import LabeledImage, read_labels
from regkit.io.atomic_output import atomic_output
from regkit.io.dicom_source import DicomSource, read_dicom_source
from regkit.io.images import read_selected_volume
from regkit.io.region import ALL_REGIONS
from regkit.io.selection import ImageSelection
from regkit.io.transforms import read_transform
from regkit.metrics.evaluation import Metric
from regkit.metrics.segmentation import found_labels_dice
from regkit.registration.modalities import with_modality
from regkit.registration.run import run
from regkit.registration.saved import Saved
from regkit.report.record import Inputs
from regkit.report.reorientation import StandardFrame, pair_in_frame


class ImageRunner(BatchRunner[DicomSource]):
    """A loaded method and the images of a batch; see `BatchRunner` for the parameters."""

    def __init__(self, plan: BatchPlan, method: Method) -> None:
        super().__init__(plan, method)
        self._frame: StandardFrame = self._registry.frame(plan.to).load()()

    def _scores(self) -> dict[str, Metric]:
        return {"dice": found_labels_dice, "tre_mm": self._registry.metric("tre_mm").load()}

    def _case(self, pair: BatchPair) -> Case:
        """Read an image, and what its reorientation is scored by."""
        values, path = pair.values, Path(pair.values["moving"])
        image = with_modality(
            read_selected_volume(path, _selection(pair), values.get("moving_modality", "")),
            "moving",
        )
        labels, truth = values.get("moving_labels"), values.get("truth")
        regions, of_image = values.get("moving_roi", ALL_REGIONS), LabeledImage(image.grid, path)
        return Case(
            id=pair.id,
            pair=pair_in_frame(image, self._frame),
            truth=read_transform(truth) if truth else None,
            group=values.get("group", pair.id),
            moving_labels=read_labels(labels, regions, of_image) if labels else None,
        )

    def _registered(self, pair: BatchPair, case: Case, load_s: float) -> Registered:
        plan = self._plan
        result = run(self._registrar, case.pair, plan.method, judged_by=self._frame)
        inputs = Inputs(
            moving=Path(pair.values["moving"]),
            load_s=load_s,
            init="centre",
            run_id=pair.digest(plan.settings),
            selections={"moving": _selection(pair)},
            command=plan.command,
        )
        return Registered(result, inputs, result.compute_s)

    def _headers(self, pair: BatchPair) -> DicomSource:
        return read_dicom_source(Path(pair.values["moving"]), _selection(pair))

    def _saved(
        self, pair: BatchPair, found: Registered, headers: DicomSource | None, folder: Path
    ) -> Saved:
        prefix = self._plan.kind.prefix
        read = [Path(pair.values[name]) for name in FILE_COLUMNS if name in pair.values]
        with atomic_output(folder / pair.folder_name, read) as stage:
            saved = self._frame.save(
                *(found.result, prefix, stage, found.inputs, headers), report=True
            )
        write_picture_pages(saved, pair.folder_name, folder)
        return saved


def _selection(pair: BatchPair) -> ImageSelection:
    return ImageSelection(pair.values.get("moving_series", ""))
