"""The kinds of data that DevLake's domain layer knows."""

from __future__ import annotations

from enum import Enum


class DomainType(Enum):
    """Name a kind of data, as DevLake's scope configs do under ``entities``."""

    CODE = "CODE"
    TICKET = "TICKET"
    CODE_REVIEW = "CODEREVIEW"
    CROSS = "CROSS"
    CICD = "CICD"
    CODE_QUALITY = "CODEQUALITY"
