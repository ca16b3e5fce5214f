"""Energies of photons in headers that are written here."""

from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from nm_tomograms import Tomogram, energy_window, tracer
from regkit.io.photon_energy import photon_energy, photon_energy_of_file


def header(*tracers: str, modality: str = "NM", **attributes: object) -> Dataset:
    item = Dataset()
    item.Modality = modality
    if tracers:
        item.RadiopharmaceuticalInformationSequence = tracer(*tracers)
    for name, value in attributes.items():
        setattr(item, name, value)
    return item


@pytest.mark.parametrize(
    ("tracers", "window", "kev"),
    [
        (("Technetium Tc 99m sestamibi",), None, 140.5),
        (("201Tl chloride",), None, 71.0),
        (("201Tl chloride",), (150.0, 184.0), 167.4),
        (("^111^Indium",), (220.0, 270.0), 245.4),
        (("^18^Fluorine",), None, 511.0),
        (("Thallium-201", "Technetium-99m"), (126.0, 154.0), 140.5),
        ((), (143.0, 175.0), 159.0),
        ((), None, 140.5),
    ],
)
def test_the_photon_is_that_of_the_tracer_in_the_window(tracers, window, kev):
    assert photon_energy(header(*tracers), window).kev == kev


def test_the_only_window_of_an_image_tells_which_photon():
    windows = Sequence([energy_window(150.0, 184.0)])
    assert photon_energy(header("Tl-201", EnergyWindowInformationSequence=windows)).kev == 167.4


def test_pet_is_annihilation():
    assert photon_energy(header(modality="PT")).kev == 511


def test_a_code_without_meaning_is_known():
    """SRT code C-163A8 is that of Tc-99m in DICOM's list of isotopes, CID 18."""
    image = header("")
    code = image.RadiopharmaceuticalInformationSequence[0].RadionuclideCodeSequence[0]
    code.CodeValue, code.CodingSchemeDesignator = "C-163A8", "SRT"
    assert str(photon_energy(image)) == "140.5 keV, that of Tc-99m, which the header names"


def test_files_and_folders_are_searched_for_the_emission(tmp_path: Path):
    (tmp_path / "0.txt").write_text("no image")
    assert photon_energy_of_file(tmp_path) is None
    attributes = {"RadiopharmaceuticalInformationSequence": tracer("Thallium-201")}
    Tomogram(attributes={"Modality": "CT"}).write(tmp_path / "1.dcm")
    file = Tomogram(attributes=attributes, views=1).write(tmp_path / "2.dcm")
    for path in (tmp_path, file):
        # The window of the file is that of technetium.
        assert photon_energy_of_file(path).kev == 140.5
    assert photon_energy_of_file(tmp_path / "missing.dcm") is None
