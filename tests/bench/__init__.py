"""Measurements of speed and memory; the other folders test correctness."""
