"""Gives the tests the fixture ``miniature``."""

pytest_plugins = ["postroom.testing.fixtures"]
