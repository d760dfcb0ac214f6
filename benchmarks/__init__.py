"""Measurements: a generator of logs, this tool beside its peers, and time by layer."""
