"""Kinds of files that are no images, or have a text header, by their first bytes."""

from __future__ import annotations

import re

# Control characters other than white space mark binary content.
_TEXT = re.compile(rb"[^\x00-\x08\x0b\x0e-\x1f]*")
# The fields of a MetaImage come in any order, and comments before them.
_METAIMAGE = re.compile(rb"^(?:ObjectType|NDims|DimSize)[ \t]*=", re.MULTILINE)
# The first that is found names the file.
_TRANSFORMS = {
    re.compile(rb"\s*#\s*Insight Transform File"): "an ITK transform file",
    re.compile(rb"\s*MNI Transform File"): "an MNI transform file (.xfm)",
    re.compile(rb'(?ms).*^\s*\(Transform "'): "an elastix transform parameter file",
    re.compile(rb"(?ms).*^\s*type\s*=\s*\d+.*^\s*nxforms"): "a FreeSurfer transform file (LTA)",
    re.compile(rb"(?s).{12,64}Transform_(?:double|float)_\d_\d"): "an ITK transform file (.mat)",
    re.compile(
        rb"(?:\s*(?:[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|[-+]?0x[\da-f.]+p[-+]?\d+)[\s,;]+){12}",
        re.IGNORECASE,
    ): "a matrix of numbers, as a transform is",
}
_OTHERS = {
    re.compile(rb"(?ms).*^\s*\((?:Registration|Metric|Optimizer) "): "an elastix parameter file",
    re.compile(rb"\s*# Markups fiducial file"): "a landmark file of 3D Slicer",
    re.compile(rb'(?s)\s*\{.*"markups"'): "a landmark file of 3D Slicer",
    re.compile(rb"\s*# regkit landmarks"): "a landmark file",
    re.compile(rb'(?s)\s*\{\s*"regkit"'): "a record of regkit",
    re.compile(rb"\s*<\?xml|\s*<!DOCTYPE|\s*<html"): "an XML or HTML file",
    re.compile(rb"(?s)\s*\{.*"): "a JSON file",
}


def kind_of_content(head: bytes) -> str:
    """Return the kind of a file without a binary signature; empty if none is recognized.

    Parameters
    ----------
    head
        First bytes of the file, unpacked; a few hundred at least.
    """
    if _METAIMAGE.search(_TEXT.match(head)[0]):  # type: ignore[index]
        return "MetaImage"
    for pattern, kind in (_TRANSFORMS | _OTHERS).items():
        if pattern.match(head):
            return kind
    return "text" if head and _is_text(head) else ""


def is_transform_kind(kind: str) -> bool:
    """Return whether `kind_of_content` found a transform."""
    return kind in _TRANSFORMS.values()


def _is_text(head: bytes) -> bool:
    """Return whether no control character but white space marks binary content."""
    return _TEXT.match(head).end() >= min(len(head), 256)  # type: ignore[union-attr]
