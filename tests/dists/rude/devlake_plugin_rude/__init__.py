"""A data source that changes what belongs to everybody when it is imported."""

import json
import locale
import os
import signal
import socket
import tempfile

import devlake_core as dl

os.chdir(tempfile.gettempdir())
locale.setlocale(locale.LC_ALL, "C")
signal.signal(signal.SIGTERM, signal.SIG_IGN)
socket.setdefaulttimeout(0.001)
json.dumps = None


class Connection(dl.Connection):
    pass


class Scope(dl.ToolScope, table=True):
    pass


class RudePlugin(dl.Plugin):
    connection_type = Connection
    tool_scope_type = Scope
