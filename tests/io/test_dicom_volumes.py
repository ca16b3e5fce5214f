"""Series and files that hold several volumes: they are told apart, listed, and one is chosen."""

import shutil

import numpy as np
import pydicom
import pytest
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.uid import RTDoseStorage, generate_uid

from dicom_files import (
    NORMAL,
    OBLIQUE,
    dicom_dataset,
    enhanced_object,
    frame_group,
    save_dicom,
    tomogram,
    write_slices,
)
from regkit import read_volume
from regkit.errors import FileFormatError, GeometryError, SelectionError

NAMES = [f"{place}.dcm" for place in range(6)]
PIXELS = np.random.default_rng(1).integers(0, 900, (16, 5, 7))
SLOTS = np.repeat([1, 2, 3, 4], 4).tolist()


def nuclear(path, kind="RECON TOMO", **attributes):
    save_dicom(tomogram(PIXELS, 4.5, kind, **attributes), path / "nm.dcm")
    return path / "nm.dcm"


def refusal(path, **choice):
    with pytest.raises(FileFormatError) as caught:
        read_volume(path, **choice)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("with_slices", [True, False])
def test_energy_windows_are_two_volumes(tmp_path, with_slices):
    vector = {"SliceVector": [*range(1, 9)] * 2} if with_slices else {}
    path = nuclear(tmp_path, NumberOfSlices=8, EnergyWindowVector=[1] * 8 + [2] * 8, **vector)
    assert (
        "holds 2 volumes (1: energy window 1, 8 axial slices of 7 x 5; 2: energy window 2, "
        "8 axial slices of 7 x 5); choose one with --frame or --window"
    ) in refusal(path)
    np.testing.assert_array_equal(read_volume(path, window=2).array, PIXELS[8:])
    np.testing.assert_array_equal(read_volume(path, frame=1).array, PIXELS[:8])
    assert "has energy windows 1, 2; there is no --window 3" in refusal(path, window=3)


def test_interleaved_windows_follow_their_vector(tmp_path):
    path = nuclear(tmp_path, NumberOfSlices=8, EnergyWindowVector=[1, 2] * 8)
    np.testing.assert_array_equal(read_volume(path, window=2).array, PIXELS[1::2])


@pytest.mark.parametrize("keyword", ["TimeSlotVector", "RRIntervalVector", "PhaseVector"])
def test_gates_are_volumes(tmp_path, keyword):
    by_gate = nuclear(
        tmp_path, "RECON GATED TOMO", SliceVector=[1, 2, 3, 4] * 4, **{keyword: SLOTS}
    )
    assert "holds 4 volumes" in refusal(by_gate)
    np.testing.assert_array_equal(read_volume(by_gate, frame=3).array, PIXELS[8:12])
    by_slice = nuclear(
        tmp_path, "RECON GATED TOMO", SliceVector=SLOTS, **{keyword: [1, 2, 3, 4] * 4}
    )
    np.testing.assert_array_equal(read_volume(by_slice, frame=3).array, PIXELS[2::4])
    assert "there is no --frame 5" in refusal(by_slice, frame=5)


def test_windows_and_gates_are_chosen_together(tmp_path):
    path = nuclear(
        tmp_path, "RECON GATED TOMO", EnergyWindowVector=[1] * 8 + [2] * 8,
        TimeSlotVector=[1, 1, 2, 2, 3, 3, 4, 4] * 2, NumberOfSlices=2,
    )  # fmt: skip
    assert "holds 8 volumes" in refusal(path)
    assert "holds 4 volumes (1: time slot 1, 2 axial" in refusal(path, window=2)
    np.testing.assert_array_equal(read_volume(path, window=2, frame=3).array, PIXELS[12:14])


def test_each_detector_has_its_place(tmp_path):
    dataset = tomogram(PIXELS, 4.5, DetectorVector=[1] * 8 + [2] * 8, NumberOfSlices=8)
    second = Dataset()
    second.ImagePositionPatient = [100, 0, 0]
    second.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.DetectorInformationSequence.append(second)
    save_dicom(dataset, tmp_path / "nm.dcm")
    volume = read_volume(tmp_path / "nm.dcm", frame=2)
    assert volume.grid.origin == (100, 0, 0)
    np.testing.assert_array_equal(volume.array, PIXELS[8:])


def test_volumes_that_no_vector_tells_apart_follow_one_another(tmp_path):
    path = nuclear(tmp_path, "RECON GATED TOMO", NumberOfSlices=4)
    assert "holds 4 volumes (1: volume 1, 4 axial slices" in refusal(path)
    np.testing.assert_array_equal(read_volume(path, frame=4).array, PIXELS[12:])


@pytest.mark.parametrize(
    ("attributes", "fault"),
    [
        ({"NumberOfSlices": 15}, "16 frames are no whole number of volumes of NumberOfSlices 15"),
        ({"NumberOfSlices": 20}, "no whole number of volumes"),
        ({"SliceVector": [*range(1, 9)]}, "SliceVector has 8 entries, NumberOfFrames is 16"),
        ({"SliceVector": [*range(1, 16), 17]}, "SliceVector names slices 1 to 17, not each of 17"),
        ({"SliceVector": [*range(16)]}, "SliceVector names slices 0 to 15"),
        ({"SliceVector": [*range(1, 9)] * 2, "NumberOfSlices": 16}, "not each of 16"),
        ({"EnergyWindowVector": [1] * 8}, "EnergyWindowVector has 8 entries"),
        ({"TimeSlotVector": [1, 2]}, "TimeSlotVector has 2 entries"),
        ({"NumberOfFrames": 8, "NumberOfSlices": 8}, "pixel data hold 16 frames, NumberOfFrames"),
    ],
)
def test_nuclear_headers_that_contradict_themselves(tmp_path, attributes, fault):
    message = refusal(nuclear(tmp_path, **attributes))
    assert "contradicts itself" in message
    assert fault in message


@pytest.mark.parametrize("kind", ["TOMO", "GATED TOMO", "WHOLE BODY", "STATIC", "DYNAMIC"])
def test_projections_and_planar_images_are_named(tmp_path, kind):
    assert f"is a nuclear-medicine image ({kind}), not" in refusal(nuclear(tmp_path, kind))


def dose(path, offsets, position=(-10, -20, -30), orientation=(1, 0, 0, 0, 1, 0)):
    dataset = dicom_dataset(
        PIXELS[:8], RTDoseStorage, "RTDOSE", ImagePositionPatient=list(position),
        ImageOrientationPatient=list(orientation), PixelSpacing=[2, 2],
        GridFrameOffsetVector=offsets, DoseGridScaling=0.001, DoseUnits="GY",
    )  # fmt: skip
    save_dicom(dataset, path / "dose.dcm")
    return path / "dose.dcm"


@pytest.mark.parametrize("start", [0, -30])
@pytest.mark.parametrize("step", [3, -3])
def test_a_dose_is_where_its_frame_offsets_say(tmp_path, start, step):
    path = dose(tmp_path, [start + step * frame for frame in range(8)])
    volume = read_volume(path)
    np.testing.assert_allclose(volume.array[:: np.sign(step)], PIXELS[:8] * 0.001, rtol=1e-6)
    for frame in range(8):
        z, _, _ = volume.grid.to_index([-10, -20, -30 + step * frame])
        np.testing.assert_allclose(volume.array[round(z)], PIXELS[frame] * 0.001, rtol=1e-6)


def test_a_sagittal_dose_counts_along_its_normal(tmp_path):
    path = dose(tmp_path, [3.0 * frame for frame in range(8)], orientation=(0, 1, 0, 0, 0, -1))
    # Down x right: (0, 1, 0) x (0, 0, -1) = (-1, 0, 0).
    z, y, x = read_volume(path).grid.to_index([-10 - 15, -20, -30])
    assert (z, y, x) == pytest.approx((5, 0, 0), abs=1e-6)


def test_impossible_frame_offsets(tmp_path):
    assert "GridFrameOffsetVector has 7 entries" in refusal(
        dose(tmp_path, [3.0 * n for n in range(7)])
    )
    uneven = [0, 3, 6, 9, 12, 15, 18, 30]
    assert "not evenly spaced: 3 mm mostly, 12 mm" in refusal(dose(tmp_path, uneven))
    with pytest.raises(GeometryError, match="begins with 5, neither 0 nor the z"):
        read_volume(dose(tmp_path, [5 + 3 * n for n in range(8)]))


def group(place, stack="", values=(), b_value=None):
    made, content = frame_group(place * 3 * NORMAL), Dataset()
    if stack:
        content.StackID = stack
    if values:
        content.DimensionIndexValues = list(values)
    made.FrameContentSequence = [content]
    if b_value is not None:
        diffusion = Dataset()
        diffusion.DiffusionBValue = b_value
        made.MRDiffusionSequence = [diffusion]
    return made


def enhanced(path, groups, dimensions=(), **attributes):
    dataset = enhanced_object(PIXELS[:6], groups)
    items = []
    for keyword in dimensions:
        items.append(Dataset())
        items[-1].DimensionIndexPointer = tag_for_keyword(keyword)
    if items:
        dataset.DimensionIndexSequence = items
    for name, value in attributes.items():
        setattr(dataset, name, value)
    save_dicom(dataset, path / "enhanced.dcm")
    return path / "enhanced.dcm"


DIMENSIONS = ("StackID", "InStackPositionNumber", "TemporalPositionIndex")
SEVERAL = {
    "stack": [group(n, stack=str(1 + n // 3)) for n in range(6)],
    "b-value": [group(n % 3, b_value=1000.0 * (n // 3)) for n in range(6)],
    "temporal position index": [group(n % 3, values=(1, n % 3 + 1, n // 3 + 1)) for n in range(6)],
    "image": [group(n % 3) for n in range(6)],
}


@pytest.mark.parametrize("name", SEVERAL)
def test_volumes_of_an_enhanced_object(tmp_path, name):
    path = enhanced(tmp_path, SEVERAL[name], DIMENSIONS if "temporal" in name else ())
    message = refusal(path)
    assert f"holds 2 volumes (1: {name} " in message
    assert message.endswith("choose one with --frame")
    for frame in (1, 2):
        expected = PIXELS[3 * frame - 3 : 3 * frame]
        np.testing.assert_array_equal(read_volume(path, frame=frame).array, expected)


def test_enhanced_headers_that_contradict_themselves(tmp_path):
    plain = [group(n) for n in range(6)]
    assert "PerFrameFunctionalGroupsSequence has 5 entries" in refusal(
        enhanced(tmp_path, plain[:5])
    )
    assert "NumberOfFrames is 5" in refusal(enhanced(tmp_path, plain, NumberOfFrames=5))
    short = [group(n, values=(1, n + 1)) for n in range(6)]
    assert "a frame has 2 DimensionIndexValues" in refusal(enhanced(tmp_path, short, DIMENSIONS))


def test_a_mosaic_is_named(tmp_path):
    write_slices(tmp_path, ImageType=["ORIGINAL", "PRIMARY", "M", "MOSAIC"])
    assert "is a Siemens mosaic" in refusal(tmp_path)


def repeated(folder, keyword, values, **attributes):
    """Write the same slices once for each value of an attribute; return the pixels."""
    for number, value in enumerate(values):
        part = folder.parent / f"part{number}"
        write_slices(part, names=NAMES, **attributes, **{keyword: value})
        for file in sorted(part.iterdir()):
            dataset = pydicom.dcmread(file)
            stored = np.frombuffer(dataset.PixelData, "<i2") + number
            dataset.PixelData = stored.astype("<i2").tobytes()
            folder.mkdir(exist_ok=True)
            dataset.save_as(folder / f"{number}_{file.name}")


@pytest.mark.parametrize(
    ("keyword", "name", "values"),
    [
        ("AcquisitionNumber", "acquisition", [1, 2]),
        ("EchoTime", "echo time", [1.5, 3.2]),
        ("TemporalPositionIdentifier", "temporal position", [1, 2, 3]),
        ("NominalPercentageOfCardiacPhase", "cardiac phase", [0, 40, 80]),
        ("DiffusionBValue", "b-value", [0.0, 500.0]),
        ("InstanceNumber", "image", [1, 2]),
    ],
)
def test_repeated_slices_of_a_series(tmp_path, keyword, name, values):
    repeated(tmp_path / "series", keyword, values)
    message = refusal(tmp_path / "series")
    assert f"holds {len(values)} volumes (1: {name} " in message
    first = read_volume(tmp_path / "series", frame=1).array
    last = read_volume(tmp_path / "series", frame=len(values)).array
    np.testing.assert_array_equal(last, first + len(values) - 1)


def test_frames_of_a_dynamic_series_that_differ_in_time_only(tmp_path):
    repeated(tmp_path / "series", "FrameReferenceTime", [0.0, 1e4, 3e4])
    assert "(1: frame reference time 0, 6 oblique" in refusal(tmp_path / "series")


@pytest.mark.parametrize("edited", [range(6), range(3, 6)])
def test_two_acquisitions_between_each_others_slices(tmp_path, edited):
    pixels = write_slices(tmp_path, names=NAMES, AcquisitionNumber=1)
    for place in edited:
        dataset = pydicom.dcmread(tmp_path / NAMES[place])
        position = np.array(dataset.ImagePositionPatient, float) + 0.7 * NORMAL
        dataset.ImagePositionPatient = position.round(5).tolist()
        dataset.AcquisitionNumber, dataset.SOPInstanceUID = 2, generate_uid()
        dataset.save_as(tmp_path / f"second{place}.dcm")
    message = refusal(tmp_path)
    assert "1: acquisition 1, 6 oblique slices" in message
    assert f"2: acquisition 2, {len(edited)} oblique slices" in message
    np.testing.assert_array_equal(read_volume(tmp_path, frame=1).array, pixels)


def test_a_localizer_and_slices_of_another_size_are_volumes_of_their_own(tmp_path):
    pixels = write_slices(tmp_path, names=NAMES)
    localizer = pydicom.dcmread(tmp_path / "0.dcm")
    localizer.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
    localizer.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    localizer.SOPInstanceUID = generate_uid()
    localizer.save_as(tmp_path / "a.dcm")
    message = refusal(tmp_path)
    assert "image type ORIGINAL PRIMARY LOCALIZER, 1 coronal slice of 7 x 5" in message
    np.testing.assert_array_equal(read_volume(tmp_path, frame=1).array, pixels)
    assert "holds a single slice" in refusal(tmp_path, frame=2)
    shutil.move(tmp_path / "a.dcm", tmp_path / "a.txt")
    wide = dicom_dataset(
        np.zeros((8, 8)), ImagePositionPatient=[0, 0, 99], PixelSpacing=[1.5, 0.75],
        ImageOrientationPatient=[*OBLIQUE[0], *OBLIQUE[1]],
    )  # fmt: skip
    save_dicom(wide, tmp_path / "a.txt")
    assert "2: 1 oblique slice of 8 x 8" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("keyword", "kind"), [("FloatPixelData", "<f4"), ("DoubleFloatPixelData", "<f8")]
)
def test_pixels_of_floating_point(tmp_path, keyword, kind):
    values = np.random.default_rng(0).normal(size=(3, 5, 7)).astype(kind)
    for place in range(3):
        dataset = dicom_dataset(
            np.zeros((5, 7)), ImagePositionPatient=[0, 0, 3 * place], PixelSpacing=[1, 1],
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0], BitsAllocated=8 * values.itemsize,
        )  # fmt: skip
        for name in ("PixelData", "BitsStored", "HighBit", "PixelRepresentation"):
            delattr(dataset, name)
        setattr(dataset, keyword, values[place].tobytes())
        save_dicom(dataset, tmp_path / f"{place}.dcm")
    np.testing.assert_array_equal(read_volume(tmp_path).array, values.astype(np.float32))
    content = (tmp_path / "2.dcm").read_bytes()
    (tmp_path / "2.dcm").write_bytes(content[:-10])
    assert "2.dcm cannot be read: it is cut short: 10 bytes of pixels" in refusal(tmp_path)


def test_a_modality_table_is_looked_up(shared_data, tmp_path):
    dataset = pydicom.dcmread(shared_data / "dicom_odd" / "data" / "pydicom" / "mlut_18.dcm")
    for place in range(2):
        dataset.ImagePositionPatient = [0, 0, 3 * place]
        dataset.ImageOrientationPatient, dataset.PixelSpacing = [1, 0, 0, 0, 1, 0], [1, 1]
        dataset.SOPInstanceUID = generate_uid()
        dataset.save_as(tmp_path / f"{place}.dcm")
    expected = pydicom.pixels.apply_modality_lut(dataset.pixel_array, dataset)
    assert (expected != dataset.pixel_array).any()
    np.testing.assert_array_equal(read_volume(tmp_path).array[0], expected)


def test_a_pet_that_lacks_slices_at_an_end_is_remarked_on(tmp_path, caplog):
    write_slices(tmp_path, 5, Modality="PT", NumberOfSlices=6)
    read_volume(tmp_path)
    assert "NumberOfSlices is 6, but 5 slices are there: some may be missing" in caplog.text


def test_an_only_volume_is_number_one(tmp_path):
    with pytest.raises(SelectionError, match=r"holds 1 volume .* there is no --frame 2"):
        read_volume(nuclear(tmp_path), frame=2)
    assert read_volume(tmp_path / "nm.dcm", window=1, frame=1).array.shape == (16, 5, 7)
