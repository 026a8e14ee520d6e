from __future__ import annotations

import pytest

CHECK = """
import json, logging
from devlake_core.plugin.check import check
from devlake_core.plugin.discovery import found
import time
began = time.monotonic()
records = check(found(), whole={whole})
print(json.dumps({{r.name: {{**r.as_dict(), "took": time.monotonic() - began}} for r in records}}))
"""

BAD = {
    "lame": "import",
    "quitter": "import",
    "crasher": "crash",
    "misfit": "hook",
    "typo": "hook",
    "github": "reserved",
}


def test_each_guest_is_imported_in_a_child_and_what_is_wrong_is_told(python):
    found = python(
        CHECK.format(whole=280),
        *("good_a", "broken_import", "exits", "crashes", "wrong_hook", "hooks_unknown"),
        *("hooks_order", "reserved_name"),
        env={"DEVLAKE_IMPORT_SECONDS": "250"},
    )
    assert (found["alpha"]["state"], found["order"]["state"]) == ("ok", "ok")
    causes = {name: found[name]["cause"] for name in found if name in BAD or name == "alpha"}
    assert causes == {"alpha": "", **BAD}
    assert "SIGSEGV" in found["crasher"]["reason"]
    assert "devlake_plugin_crasher/__init__.py" in found["crasher"]["reason"]
    assert "DEVLAKE_DISABLED_PLUGINS=crasher" in found["crasher"]["hint"]


@pytest.mark.parametrize(("whole", "each"), [(1, 300), (300, 1)])
def test_a_guest_that_hangs_is_left_when_its_time_or_that_of_all_is_over(python, whole, each):
    found = python(CHECK.format(whole=whole), "hangs", env={"DEVLAKE_IMPORT_SECONDS": str(each)})
    assert found["sleeper"]["cause"] == "timeout"
    assert found["sleeper"]["took"] < 100


def test_children_do_not_see_the_secrets(python, tmp_path):
    (tmp_path / "devlake_plugin_nosy.py").write_text(
        "import os\n"
        "seen = {'DB_URL', 'DEVLAKE_DB_URL', 'ENCRYPTION_SECRET'} & set(os.environ)\n"
        "raise ValueError(f'seen: {sorted(seen)}')\n"
    )
    info = tmp_path / "nosy-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: nosy\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[devlake.plugins]\nnosy = devlake_plugin_nosy:P\n")
    secrets = {"DB_URL": "a", "DEVLAKE_DB_URL": "b", "ENCRYPTION_SECRET": "c"}
    found = python(CHECK.format(whole=280), sites=[tmp_path], env=secrets)
    assert "seen: []" in found["nosy"]["reason"]
