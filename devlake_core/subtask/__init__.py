"""The verbs: collect (request to raw), extract (raw to tool), convert (tool to domain)."""

from .collect import collect
from .convert import convert
from .extract import extract
from .run import held

__all__ = ["collect", "convert", "extract", "held"]
