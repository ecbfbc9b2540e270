"""Benchmarks against real peers: ``make bench``."""
