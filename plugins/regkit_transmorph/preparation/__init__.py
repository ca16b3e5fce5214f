"""PET and CT made ready for the methods of this package: body, windows of HU and SUV, a record."""

from regkit_transmorph.preparation.body import body_of as body_of
from regkit_transmorph.preparation.hot_uptake import clip_hot_uptake as clip_hot_uptake
from regkit_transmorph.preparation.modalities import infer_modalities as infer_modalities
from regkit_transmorph.preparation.prepared import Prepared as Prepared
from regkit_transmorph.preparation.prepared import prepare as prepare
