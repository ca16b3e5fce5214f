"""The metrics that come with regkit."""

from collections.abc import Iterable

from regkit.plugin import MetricSpec, hookimpl


@hookimpl
def regkit_metrics() -> Iterable[MetricSpec]:
    """Offer the metrics of this package."""
    return (
        _score("pose", "dt_mm", "mm", "mean absolute error of the three translations"),
        _score("pose", "dr_deg", "deg", "mean absolute error of the three Euler angles"),
        _score("pose", "rotation_deg", "deg", "angle between estimated and true rotation"),
        _score("pose", "tre_mm", "mm", "mean distance of mapped points from their true positions"),
        _score("intensity", "nmse_pct", "%", "normalized squared error of the warped image"),
        _score("intensity", "nmae_pct", "%", "normalized absolute error of the warped image"),
        _score("segmentation", "dice", "", "mean Dice coefficient of the labels", "higher"),
        _score("segmentation", "hd95_mm", "mm", "mean 95 % Hausdorff distance of the labels"),
        _score("reliability", "overlap", "", "fraction of the body in the moving image", "higher"),
        _score(
            "reliability", "within_voxel", "", "1 if tre_mm is within a voxel, else 0", "higher"
        ),
        _score(
            "reliability",
            "verdict_brier",
            "",
            "Brier score of the verdict",
        ),
        _score(
            "reliability",
            "verdict_coverage",
            "",
            "1 if the verdict's 90 % interval holds tre_mm, else 0",
            better="",
        ),
    )


def _score(home: str, name: str, unit: str, summary: str, better: str = "lower") -> MetricSpec:
    target = f"regkit.metrics.{home}:{name}"
    return MetricSpec(name=name, target=target, summary=summary, unit=unit, better=better)
