"""Know the nuclides of tracers, for headers that name the nuclide only."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from itertools import chain
from typing import Any

# Half-lives in seconds: NUBASE2020 (Kondev et al., Chinese Phys. C 45 (2021) 030001), rounded to
# four digits; F-18, Cu-64, Zr-89, Rb-82 and Ga-68 as scanners write them, within 0.5 % of it.
HALF_LIVES_S = {
    "C-11": 1221.8, "N-13": 597.9, "O-15": 122.24, "F-18": 6586.2, "K-38": 458.2,
    "Sc-43": 14008.0, "Sc-44": 14550.0, "Mn-52": 483100.0, "Cu-61": 12020.0, "Cu-62": 580.3,
    "Cu-64": 45721.0, "Ga-66": 33490.0, "Ga-68": 4062.6, "Br-76": 58320.0, "Rb-82": 75.6,
    "Y-86": 53060.0, "Y-90": 230550.0, "Zr-89": 282276.0, "Tc-94m": 3120.0, "I-124": 360800.0,
    "Tb-152": 63000.0,
}  # fmt: skip
# Photons of the nuclides of SPECT that cameras are set to, keV, the usual one first (as in Table 3
# of Povoski et al. 2009, doi:10.1186/1477-7819-7-11, for the common ones); of Tl-201 the X-rays of
# mercury, 69 to 83 keV, of which the strongest have 71.
PHOTONS_KEV = {
    "Tc-99m": (140.5,), "Tl-201": (71.0, 167.4), "I-123": (159.0,), "In-111": (171.3, 245.4),
    "Ga-67": (93.3, 184.6, 300.2), "Lu-177": (208.4, 112.9), "I-131": (364.5,), "Xe-133": (81.0,),
    "Sm-153": (103.2,), "Re-186": (137.2,), "Re-188": (155.0,),
}  # fmt: skip
_ELEMENTS = {
    "C": "carbon", "N": "nitrogen", "O": "oxygen", "F": "fluorine", "K": "potassium",
    "Sc": "scandium", "Mn": "manganese", "Cu": "copper", "Ga": "gallium", "Br": "bromine",
    "Rb": "rubidium", "Y": "yttrium", "Zr": "zirconium", "Tc": "technetium", "I": "iodine",
    "Tb": "terbium", "Tl": "thallium", "In": "indium", "Lu": "lutetium", "Xe": "xenon",
    "Sm": "samarium", "Re": "rhenium",
}  # fmt: skip


def named_nuclide(radiopharmaceutical: Any, among: Iterable[str] = HALF_LIVES_S) -> str:
    """Return the nuclide that a radiopharmaceutical's header names, as ``F-18``; else "".

    Parameters
    ----------
    radiopharmaceutical
        Item of the Radiopharmaceutical Information Sequence; its codes and names are searched.
    among
        Nuclides to look for; those of PET by default.
    """
    codes = [
        item
        for keyword in ("RadionuclideCodeSequence", "RadiopharmaceuticalCodeSequence")
        for item in radiopharmaceutical.get(keyword) or []
    ]
    given = [str(code.get("CodeMeaning") or "") for code in codes]
    given.append(str(radiopharmaceutical.get("Radiopharmaceutical") or ""))
    names = chain(given, map(_standard_name, codes))
    wanted = tuple(among)
    return next((found for name in names if (found := _nuclide_in(name, wanted))), "")


@cache
def _nuclide_in(text: str, among: tuple[str, ...]) -> str:
    for nuclide in among:
        symbol, mass = nuclide.split("-")
        element = rf"(?:{symbol}|{_ELEMENTS[symbol]})"
        either_order = (
            rf"(?<!\d){mass}[^a-z0-9]*{element}(?![a-z])"
            rf"|(?<![a-z]){element}[^a-z0-9]*{mass}(?![a-z0-9])"
        )
        if re.search(either_order, text, re.IGNORECASE):
            return nuclide
    return ""


def _standard_name(code: Any) -> str:
    """Return the name that DICOM's lists of nuclides (CID 4020 and 18) give to a code."""
    from pydicom.sr.codedict import Code, codes  # noqa: PLC0415 - slow to load, seldom needed

    given = Code(
        str(code.get("CodeValue") or ""), str(code.get("CodingSchemeDesignator") or ""), ""
    )
    lists = (codes.cid4020, codes.cid18)
    return next((name for of in lists for name in of.dir() if getattr(of, name) == given), "")
