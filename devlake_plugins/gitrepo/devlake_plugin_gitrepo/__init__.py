"""Collect the history of local git repositories into DevLake's tables."""
