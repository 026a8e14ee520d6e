"""DevLake's domain layer, mapped, for plugins that were written for pydevlake."""

from __future__ import annotations

# The dot keeps these tables apart from those of any plugin, whose name cannot have one.
__devlake_plugin__ = "pydevlake.domain_layer"
