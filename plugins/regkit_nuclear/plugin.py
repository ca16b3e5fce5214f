"""The simulated cohorts, scores and commands of nuclear medicine that this package offers."""

from collections.abc import Iterable

from regkit.plugin import CommandSpec, DatasetSpec, MetricSpec, hookimpl

NEEDS_TORCH = {"torch": "torch"}


@hookimpl
def regkit_datasets() -> Iterable[DatasetSpec]:
    """Offer the simulated cohorts."""
    return (
        _cohort(
            "spect-ct",
            "spect_ct:SpectCt",
            "cardiac SPECT without attenuation correction (fixed), misaligned mu-maps (moving)",
        ),
        _cohort(
            "spect-ct-hard",
            "spect_ct_hard:SpectCtHard",
            "spect-ct with few counts, bright organs beside the heart, breathing and a small CT",
        ),
        _cohort(
            "lv-spect",
            "lv:LvSpect",
            "average left ventricle in short-axis planes (fixed), transaxial SPECT (moving)",
        ),
        _cohort(
            "lv-pet",
            "lv:LvPet",
            "average left ventricle in short-axis planes (fixed), transaxial PET (moving)",
        ),
        _cohort(
            "lv-spect-hard",
            "lv_hard:LvSpectHard",
            "lv-spect with irregular ventricles, bright surroundings, few counts and more blur",
        ),
        _cohort(
            "lv-pet-hard",
            "lv_hard:LvPetHard",
            "lv-pet with irregular ventricles, bright surroundings, more noise and more blur",
        ),
        _cohort(
            "pet-ct",
            "pet_ct:PetCt",
            "whole-body CT (fixed) and FDG-PET (moving) with 40 organs, affine misalignment",
        ),
        _cohort(
            "pet-ct-misplaced",
            "perturbed:PerturbedPetCt",
            "your own aligned CT (fixed) and PET (moving), affine misalignment as in pet-ct",
        ),
        _cohort(
            "mr-us",
            "mr_us:MrUs",
            "prostate MR (fixed) and transrectal ultrasound (moving), zones and landmarks",
        ),
    )


@hookimpl
def regkit_metrics() -> Iterable[MetricSpec]:
    """Offer the scores of the attenuation-corrected SPECT that a registration leads to."""
    return (
        _score("ac_nmse_pct", "normalised squared error of the attenuation-corrected SPECT"),
        _score("ac_nmae_pct", "normalised absolute error of the attenuation-corrected SPECT"),
        _score(
            "eti_pct", "emission-transmission index: percentage of the myocardium in lung or air"
        ),
    )


@hookimpl
def regkit_commands() -> Iterable[CommandSpec]:
    """Offer the study of the effect of a misaligned mu-map."""
    return (
        CommandSpec(
            name="attenuation",
            target="regkit_nuclear.attenuation_study.command:attenuation_command",
            summary="what the place of the attenuation map does to the corrected SPECT",
            requires=NEEDS_TORCH,
            panel="Images",
        ),
    )


def _score(name: str, summary: str) -> MetricSpec:
    return MetricSpec(
        name=name,
        target=f"regkit_nuclear.metrics:{name}",
        summary=summary,
        unit="%",
        requires=NEEDS_TORCH,
    )


def _cohort(name: str, home: str, summary: str) -> DatasetSpec:
    return DatasetSpec(
        name=name,
        target=f"regkit_nuclear.cohorts.{home}",
        summary=summary,
        requires=NEEDS_TORCH if "spect" in name or "lv" in name else {},
        # Other tools do not read the position of a DICOM ultrasound volume.
        writers={} if name == "mr-us" else {"dicom": "regkit_nuclear.dicom_export:write_image"},
        picture="regkit_nuclear.montage:montage",
    )
