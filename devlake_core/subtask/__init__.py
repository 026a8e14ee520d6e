"""The verbs: collect (request to raw), extract (raw to tool), convert (tool to domain)."""

from .collect import collect
from .convert import convert
from .extract import extract
from .run import held
from .shared import sweep_shared

__all__ = ["collect", "convert", "extract", "held", "sweep_shared"]
