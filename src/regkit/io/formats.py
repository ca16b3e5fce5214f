"""Recognize image formats by a file's name and by its first bytes."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from regkit.errors import FileFormatError
from regkit.io.content_kind import is_transform_kind, kind_of_content
from regkit.regular_file import regular_file

# Enough for every signature below, the one of DICOM after 128 bytes, inside gzip too.
SIGNATURE_BYTES = 2048


# Types of voxels that every viewer reads; those of MGH are FreeSurfer's.
DTYPES = ("uint8", "int16", "uint16", "int32", "float32")
MGH_DTYPES = ("uint8", "int16", "int32", "float32")


@dataclass(frozen=True)
class Format:
    """An image format.

    Parameters
    ----------
    name
        Common name of the format; `signature` returns it for the format's content.
    suffixes
        Endings of file names, lower case.
    reader, writer
        ``"module:function"`` below `regkit.io`, imported on first use since each brings a
        library along; empty when regkit does not write the format.
    dtypes
        Types of the voxels of written files.
    vector_reader, vector_writer
        The same for images of vectors; empty where the format has none.
    converts
        True for a reader that converts voxels while it reads, which takes less memory.
    """

    name: str
    suffixes: tuple[str, ...]
    reader: str
    writer: str = ""
    dtypes: tuple[str, ...] = DTYPES
    converts: bool = False
    vector_reader: str = ""
    vector_writer: str = ""


DICOM = Format("DICOM", (".dcm", ".ima", ".dcm.gz", ".ima.gz"), "dicom:read_dicom")
NIFTI = Format(
    *("NIfTI", (".nii.gz", ".nii"), "nifti:read_nifti", "nifti:write_nifti"),
    converts=True,
    vector_reader="nifti_vectors:read_nifti_vectors",
    vector_writer="nifti_vectors:write_nifti_vectors",
)
FORMATS = (
    NIFTI,
    Format(
        "NIfTI pair", (".hdr", ".img", ".hdr.gz", ".img.gz"), "nifti:read_nifti", converts=True
    ),
    Format("MGH", (".mgz", ".mgh"), "mgh:read_mgh", "mgh:write_mgh", MGH_DTYPES),
    Format(
        *("NRRD", (".nrrd", ".nhdr"), "nrrd:read_nrrd", "nrrd:write_nrrd"),
        converts=True,
        vector_reader="nrrd:read_nrrd_vectors",
        vector_writer="nrrd:write_nrrd_array",
    ),
    Format(
        *("MetaImage", (".mha", ".mhd"), "metaimage:read_metaimage", "metaimage:write_metaimage"),
        converts=True,
        vector_reader="metaimage:read_metaimage_vectors",
        vector_writer="metaimage:write_metaimage_array",
    ),
    DICOM,
)

# The elements that files without preamble begin with are of the file meta information, or those
# of the dataset up to SOP Class UID (0008,0016); a UID, the longest of them, has 64 characters.
_LAST_FIRST_ELEMENT = 0x0018
_LONGEST_FIRST_VALUE = 64
_GZIP = b"\x1f\x8b"
_MAGIC = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"II*\x00": "a TIFF picture",
    b"MM\x00*": "a TIFF picture",
    b"GIF8": "a GIF picture",
    b"BM": "a BMP picture",
    b"PK\x03\x04": "a ZIP archive",
    b"%PDF": "a PDF document",
    b"\x89HDF": "an HDF5 file (of ITK transforms or MINC)",
    b"CDF\x01": "MINC",
    b"NRRD": "NRRD",
    b"\x00\x00\x00\x01\x00\x00": "MGH",
}
_NIFTI_HEADER_SIZES = {
    size.to_bytes(4, order) for size in (348, 540) for order in ("little", "big")
}


def format_to_read(path: Path, head: bytes) -> Format:
    """Return the format of a file from its name, checked against its first bytes.

    Raises
    ------
    FileFormatError
        The suffix is unknown, or the content is recognisably something else.
    """
    found = signature(head)
    named = _by_suffix(path)
    if named is None:
        if found == "DICOM":  # DICOM files often have no suffix
            return DICOM
        if found and found != "text" and not any(known.name == found for known in FORMATS):
            raise FileFormatError(f"is {found}, not an image that can be read{_hint(found)}")
        raise FileFormatError(f"unknown suffix; known ones are {_listed(FORMATS)}")
    if found and found != named.name and not (found == "NIfTI" and "NIfTI" in named.name):
        raise FileFormatError(
            f"the name says {named.name} but the content is {found}; give the file its true "
            "suffix or convert it"
        )
    return named


def format_to_write(path: Path) -> Format:
    """Return the format that a file's name asks for, if regkit writes it."""
    named = _by_suffix(path)
    if named is None or not named.writer:
        listed = _listed(tuple(known for known in FORMATS if known.writer))
        raise FileFormatError(f"{path}: cannot write this suffix; use one of {listed}")
    return named


def signature(head: bytes) -> str:
    """Return the kind of a file from its first bytes: a format's name, a phrase, or empty."""
    if head[:2] == _GZIP:
        return signature(_unzipped(head))
    # The preamble may hold anything, a TIFF header too; some files lack it.
    if head[128:132] == b"DICM" or _begins_with_element(head):
        return "DICOM"
    for magic, name in _MAGIC.items():
        if head.startswith(magic):
            return name
    if head[:4] in _NIFTI_HEADER_SIZES:
        return "NIfTI"
    return kind_of_content(head)


def is_dicom(path: Path) -> bool:
    """Return whether a file, or a folder as a whole, is read as DICOM."""
    if path.is_dir():
        return True
    try:
        with regular_file(path).open("rb") as file:
            return signature(file.read(SIGNATURE_BYTES)) == "DICOM"
    except OSError as error:
        error.filename = str(path)  # errors while reading have none
        raise


def _begins_with_element(head: bytes) -> bool:
    """Return whether content begins with an element of DICOM's group 2 or 8.

    Their first elements have a value representation of two letters (PS3.5, 7.1.2) or, implicit,
    a short even length.
    """
    order: Literal["little", "big"] = "little" if head[1:2] == b"\0" else "big"
    group, element = (int.from_bytes(head[at : at + 2], order) for at in (0, 2))
    if len(head) < 8 or group not in (2, 8) or element > _LAST_FIRST_ELEMENT:
        return False
    length = int.from_bytes(head[4:8], "little")
    explicit = head[4:6].isalpha() and head[4:6].isupper()
    return explicit or (order == "little" and length % 2 == 0 and length <= _LONGEST_FIRST_VALUE)


def _by_suffix(path: Path) -> Format | None:
    name = path.name.lower()
    return next((known for known in FORMATS if name.endswith(known.suffixes)), None)


def _hint(found: str) -> str:
    if is_transform_kind(found):
        return ": give it where a transform is asked for"
    return f"; suffixes of images are {_listed(FORMATS)}"


def _listed(formats: tuple[Format, ...]) -> str:
    return ", ".join(suffix for known in formats for suffix in known.suffixes)


def _unzipped(head: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(head, SIGNATURE_BYTES)
    except zlib.error:
        return b""
