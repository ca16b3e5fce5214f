"""``regkit check-alignment``: check an attenuation map against the emission image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from regkit.cli.colors import STATUS_STYLES, echo, styled
from regkit.cli.error_handling import EXIT_VERDICT_FAIL
from regkit.cli.image_selection import Selections, chooses_images
from regkit.cli.options import (
    IMAGES,
    MODALITIES,
    OUTPUT,
    AsJson,
    Device,
    Force,
    MethodOption,
    OutputPrefix,
    ParametersFile,
    Seed,
    SetOption,
    Threads,
)
from regkit.cli.requests.alignment import (
    ALIGNMENT_METHOD,
    ALIGNMENT_PREFIX,
    AlignmentRequest,
    check_alignment_files,
)
from regkit.cli.requests.method_settings import MethodSettings
from regkit.cli.requests.registration import RegisterRequest
from regkit.cli.stray_output import stray_output_on_stderr

if TYPE_CHECKING:
    from regkit.alignment.check import AlignmentCheck

Emission = Annotated[
    Path,
    typer.Argument(
        metavar="EMISSION",
        help="SPECT or PET without attenuation correction: a file or a folder of DICOM slices.",
    ),
]
Transmission = Annotated[
    Path,
    typer.Argument(
        metavar="TRANSMISSION",
        help="CT in HU or attenuation map: a file or a folder of DICOM slices.",
    ),
]
MyocardiumLabels = Annotated[
    Path | None,
    typer.Option(
        "--labels",
        metavar="FILE",
        rich_help_panel=IMAGES,
        help="Segmentation of EMISSION in which 1 is the myocardium: a label map, or a DICOM "
        "RTSTRUCT or SEG. Default: found by ms-st-unet.",
    ),
]
MyocardiumLabel = Annotated[
    str,
    typer.Option(
        "--myocardium",
        metavar="NUMBER|WORDS",
        rich_help_panel=IMAGES,
        help="Label of the myocardium in the file of --labels, by number or words of its name.",
    ),
]
EmissionModality = Annotated[
    str,
    typer.Option(
        metavar=MODALITIES,
        rich_help_panel=IMAGES,
        help="Modality of EMISSION, spect or pet. Default: that of the file, or a guess, which is "
        "told.",
    ),
]
TransmissionModality = Annotated[
    str,
    typer.Option(
        metavar=MODALITIES,
        rich_help_panel=IMAGES,
        help="Modality of TRANSMISSION: ct (HU) or mu (attenuation map). Default: that of the "
        "file, or a guess, which is told.",
    ),
]
Energy = Annotated[
    float | None,
    typer.Option(
        metavar="KEV",
        rich_help_panel=IMAGES,
        help="Photon energy of the tracer, 60 to 600 keV, to which a CT is converted. Default: "
        "that of the tracer in the DICOM header of EMISSION, else 511 with PET and 140.5 (Tc-99m) "
        "with SPECT.",
    ),
]
Limit = Annotated[
    float | None,
    typer.Option(
        metavar="MM",
        help="Distance from which the heart is misaligned, mm. Default: a voxel of EMISSION, 5 mm "
        "at least.",
    ),
]
Fix = Annotated[
    bool,
    typer.Option(
        "--fix",
        rich_help_panel=OUTPUT,
        help="Also write the corrected TRANSMISSION, as `regkit register` does: the transform, "
        "the image on the grid of EMISSION and a picture; of DICOM images, as DICOM too "
        "(PREFIX_dicom/ and PREFIX_reg.dcm).",
    ),
]


@chooses_images(emission="emission", transmission="transmission")
def check_alignment_command(
    emission: Emission,
    transmission: Transmission,
    labels: MyocardiumLabels = None,
    myocardium: MyocardiumLabel = "",
    emission_modality: EmissionModality = "",
    transmission_modality: TransmissionModality = "",
    energy: Energy = None,
    limit: Limit = None,
    method: MethodOption = ALIGNMENT_METHOD,
    assignments: SetOption = None,
    parameters: ParametersFile = None,
    device: Device = "auto",
    seed: Seed = 0,
    threads: Threads = 0,
    output: OutputPrefix = ALIGNMENT_PREFIX,
    fix: Fix = False,
    force: Force = False,
    as_json: AsJson = False,
    *,
    selections: Selections,
) -> None:
    """Check whether TRANSMISSION lies where EMISSION needs it, and tell how to move it.

    OK: the heart is surely less than a voxel off; FAIL: a voxel or more (exit code 3); CHECK:
    either may be. Writes PREFIX.json and PREFIX_heart.png (the heart on the CT, before and after).
    """
    registration = RegisterRequest(
        fixed=emission,
        moving=transmission,
        output=output,
        method=method,
        settings=MethodSettings(assignments or (), parameters, device, seed, threads),
        fixed_modality=emission_modality,
        moving_modality=transmission_modality,
        force=force,
        selections={
            "fixed": selections["emission"],
            "moving": selections["transmission"],
        },
    )
    request = AlignmentRequest(registration, labels, myocardium, energy, limit, fix)
    registration.settings.limit_threads()
    with stray_output_on_stderr():
        check, saved = check_alignment_files(request)
    if as_json:
        echo(json.dumps(check.results, indent=2))
    else:
        _print(check, saved.files)
    if check.status == "FAIL":
        raise typer.Exit(EXIT_VERDICT_FAIL)


def _print(check: AlignmentCheck, files: tuple[Path, ...]) -> None:
    """Print the status, how to move the image, why, and the files."""
    echo(styled(check.status, **STATUS_STYLES[check.status]), f"  {check.words}")
    for reason in check.reasons:
        echo(f"  - {reason}")
    shifted = {name: pct for name, pct in check.eti_shifted_pct.items() if pct is not None}
    if shifted:
        parts = ", ".join(f"{name} {pct:.1f} %" for name, pct in shifted.items())
        echo(f"  on lung or air if moved by a voxel: {parts}")
    echo(f"  wrote {', '.join(str(file) for file in files)}")
