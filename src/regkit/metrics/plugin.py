"""The scores that come with regkit."""

from collections.abc import Iterable

from regkit.plugin import MetricSpec, hookimpl


@hookimpl
def regkit_metrics() -> Iterable[MetricSpec]:
    """Offer the scores of this package."""
    return (
        _score("pose", "dt_mm", "mm", "mean absolute error of the three translations"),
        _score("pose", "dr_deg", "deg", "mean absolute error of the three Euler angles"),
        _score("pose", "rotation_deg", "deg", "angle between estimated and true rotation"),
        _score("pose", "tre_mm", "mm", "mean distance of mapped points from where they belong"),
        _score("intensity", "nmse_pct", "%", "normalised squared error of the warped image"),
        _score("intensity", "nmae_pct", "%", "normalised absolute error of the warped image"),
        _score("overlap", "dice", "", "mean Dice coefficient of the labels", "higher"),
        _score("overlap", "hd95_mm", "mm", "mean 95 % Hausdorff distance of the labels"),
        _score("trust", "overlap", "", "share of the body inside the moving image", "higher"),
        _score("trust", "within_voxel", "", "1 if tre_mm is at most a voxel, else 0", "higher"),
        _score("trust", "verdict_brier", "", "squared error of the verdict's forecast of failure"),
    )


def _score(home: str, name: str, unit: str, summary: str, better: str = "lower") -> MetricSpec:
    target = f"regkit.metrics.{home}:{name}"
    return MetricSpec(name=name, target=target, summary=summary, unit=unit, better=better)
