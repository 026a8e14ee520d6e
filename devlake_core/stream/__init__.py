"""What authors write: streams, the context that they are given, the cursor."""

from .base import JSON, VERBS, Rows, Stream, Substream, stream_name, takes_context
from .context import Context
from .cursor import Cursor
from .record import Checkpoint, Progress, Record
from .rest import RestStream, RestSubstream

__all__ = [
    "JSON",
    "VERBS",
    "Checkpoint",
    "Context",
    "Cursor",
    "Progress",
    "Record",
    "RestStream",
    "RestSubstream",
    "Rows",
    "Stream",
    "Substream",
    "stream_name",
    "takes_context",
]
