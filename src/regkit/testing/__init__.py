"""Tools for authors of methods: a phantom with exact truth, and tests of the contract."""

from regkit.testing.conformance import method_tests as method_tests
