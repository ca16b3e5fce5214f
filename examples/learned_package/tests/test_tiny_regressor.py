"""The method keeps regkit's contract; without weights, only its declaration is checked."""

from regkit.testing import method_tests

test_tiny_regressor = method_tests("tiny-regressor")
