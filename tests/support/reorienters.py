"""The networks that can be built here: nnU-Net's is of a package that may be missing."""

from importlib.util import find_spec

import pytest

from regkit_msstunet import reorienter_names

needs_nnunet = pytest.mark.skipif(
    find_spec("dynamic_network_architectures") is None,
    reason="needs dynamic-network-architectures: pip install dynamic-network-architectures",
)
NETWORKS = [
    pytest.param(name, marks=needs_nnunet) if name == "nnu-net" else name
    for name in reorienter_names()
]
