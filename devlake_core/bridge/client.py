"""Be what a shim executes: ``python -I -S client.py <folder of the shim> <method> <argument>…``.

This file is compiled at each start, so it holds nothing but the door to a module that Python has
compiled already. The package's own start-up is left out, and so is ``site``: together they would
cost more time than the rest of a warm call.
"""

import sys

_package = type(sys)("devlake_core")
_package.__path__ = [__file__.rsplit("/", 2)[0]]
sys.modules["devlake_core"] = _package

from devlake_core.bridge import first  # noqa: E402

_arguments = first.begin()

from devlake_core.bridge.entry import main  # noqa: E402

main(_arguments)
