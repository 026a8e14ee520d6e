"""Which names a data source may have, and which two names get in each other's way."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = re.compile(r"[a-z][a-z0-9_]{1,30}", re.ASCII)

_SERVER = """
    ae argocd asana azuredevops_go bamboo bitbucket bitbucket_server circleci customize dbt dora
    feishu gh_copilot gitee gitextractor github github_graphql gitlab icla issue_trace jenkins jira
    linker opsgenie org pagerduty q_dev refdiff slack sonarqube starrocks table_info taiga tapd
    teambition testmo trello webhook zentao
"""
_WORDS = """
    run all collect extract convert plugins connections scopes configs state migrate doctor serve
    bridge new completion help version
"""

SERVER_PLUGINS = frozenset(_SERVER.split())
"""The plugins that are built into DevLake's server."""

COMMAND_WORDS = frozenset(_WORDS.split())
"""Words of the command line, which a plugin's name must not be taken for."""


def server_plugins(environ: Mapping[str, str] = os.environ) -> frozenset[str]:
    """Return the names of the server's plugins: the built-in ones and what ``PLUGIN_DIR`` holds."""
    folder = environ.get("PLUGIN_DIR")
    if not folder:
        return SERVER_PLUGINS
    found = {path.stem for pattern in ("*.so", "*/*.so") for path in Path(folder).glob(pattern)}
    return SERVER_PLUGINS | {name.lower() for name in found}


def folded(name: str) -> str:
    """Return a name as the eye reads it: without case and underscores."""
    return name.replace("_", "").casefold()


def covers(name: str, other: str) -> bool:
    """Say whether deleting the data of one plugin would delete the other's too.

    DevLake deletes a scope's rows ``WHERE _raw_data_table LIKE '_raw_<plugin>%'``; in a LIKE
    pattern an underscore stands for any character.
    """
    pattern = re.escape(name).replace("_", ".")
    return name != other and re.match(pattern, other) is not None
