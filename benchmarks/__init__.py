"""Measure devlake_core beside hand-written code that does the same: ``make bench``."""
