"""Every cohort, small enough that a case takes a second."""

from regkit_nuclear.cohorts.lv import LvPet, LvSpect
from regkit_nuclear.cohorts.lv_hard import LvPetHard, LvSpectHard
from regkit_nuclear.cohorts.mr_us import MrUs
from regkit_nuclear.cohorts.pet_ct import PetCt
from regkit_nuclear.cohorts.spect_ct import SpectCt
from regkit_nuclear.cohorts.spect_ct_hard import SpectCtHard

SMALL = {
    "spect-ct": (SpectCt, {"size": 16}),
    "spect-ct-hard": (SpectCtHard, {"size": 16}),
    "lv-spect": (LvSpect, {"size": 32}),
    "lv-pet": (LvPet, {"size": 32}),
    "lv-spect-hard": (LvSpectHard, {"size": 32}),
    "lv-pet-hard": (LvPetHard, {"size": 32}),
    "pet-ct": (PetCt, {"coarser": 8}),
    "mr-us": (MrUs, {"size": 24}),
}


def small(name: str, **options):
    """Build a small cohort of two cases, or as the options say."""
    kind, smaller = SMALL[name]
    return kind(**({"n": 2} | smaller | options))
