"""What a plugin writes to; the run decides where it goes."""

from __future__ import annotations

from logging import CRITICAL, DEBUG, ERROR, INFO, WARNING

from devlake_core import logger

__all__ = ["CRITICAL", "DEBUG", "ERROR", "INFO", "WARNING", "log_levels", "logger"]

log_levels = {
    "debug": DEBUG,
    "info": INFO,
    "warn": WARNING,
    "warning": WARNING,
    "error": ERROR,
    "fatal": CRITICAL,
    "panic": CRITICAL,
}
"""The levels that DevLake's server names in the configuration of a call."""
