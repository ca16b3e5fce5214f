"""PET and CT made ready for the methods of this package: body, windows of HU and SUV, a record."""

from regkit_transmorph.preparation.body import body_of as body_of
from regkit_transmorph.preparation.modalities import settled as settled
from regkit_transmorph.preparation.prepared import Prepared as Prepared
from regkit_transmorph.preparation.prepared import prepare as prepare
from regkit_transmorph.preparation.refinable import refinable as refinable
