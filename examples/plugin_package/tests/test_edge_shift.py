"""The method keeps regkit's contract."""

from regkit.testing import method_tests

test_edge_shift = method_tests("edge-shift")
