"""The configuration that DevLake's server sends with each call."""

from __future__ import annotations

from typing import Any

from .logger import INFO, log_levels, logger


def set_config(cfg: dict[str, Any]) -> None:
    """Take the log level of a configuration."""
    logger.setLevel(log_levels.get(str(cfg.get("log_level", "")).lower(), INFO))
