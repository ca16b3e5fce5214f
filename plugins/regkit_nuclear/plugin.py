"""What this package offers."""

from collections.abc import Iterable

from regkit.plugin import DatasetSpec, MetricSpec, hookimpl

NEEDS_TORCH = {"torch": "torch"}
DICOM = {"dicom": "regkit_nuclear.dicom_out:write_image"}
MONTAGE = "regkit_nuclear.montage:montage"


@hookimpl
def regkit_datasets() -> Iterable[DatasetSpec]:
    """Offer the simulated cohorts."""
    return (
        DatasetSpec(
            name="spect-ct",
            target="regkit_nuclear.cohorts.spect_ct:SpectCt",
            summary="cardiac SPECT without attenuation correction and mu-maps that moved",
            requires=NEEDS_TORCH,
            writers=DICOM,
            picture=MONTAGE,
        ),
    )


@hookimpl
def regkit_metrics() -> Iterable[MetricSpec]:
    """Offer what a registration does to the attenuation-corrected SPECT."""
    return (
        _score("ac_nmse_pct", "normalised squared error of the attenuation-corrected SPECT"),
        _score("ac_nmae_pct", "normalised absolute error of the attenuation-corrected SPECT"),
        _score("eti_pct", "emission-transmission index: share of the myocardium in lung or air"),
    )


def _score(name: str, summary: str) -> MetricSpec:
    return MetricSpec(
        name=name,
        target=f"regkit_nuclear.metrics:{name}",
        summary=summary,
        unit="%",
        requires=NEEDS_TORCH,
    )
