"""Benchmarks that give ratios against named peers, both sides measured in one run on one machine."""
