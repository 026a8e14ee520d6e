from __future__ import annotations

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
    "sleeper": "timeout",
    "crasher": "crash",
    "misfit": "hook",
    "typo": "hook",
    "github": "reserved",
}


def test_each_guest_is_imported_in_a_child_and_what_is_wrong_is_told(python):
    found = python(
        CHECK.format(whole=60),
        *("good_a", "broken_import", "exits", "hangs", "crashes", "wrong_hook", "hooks_unknown"),
        *("hooks_order", "reserved_name"),
        env={"DEVLAKE_IMPORT_SECONDS": "5"},
    )
    assert (found["alpha"]["state"], found["order"]["state"]) == ("ok", "ok")
    causes = {name: found[name]["cause"] for name in found if name in BAD or name == "alpha"}
    assert causes == {"alpha": "", **BAD}
    assert "SIGSEGV" in found["crasher"]["reason"]
    assert "devlake_plugin_crasher/__init__.py" in found["crasher"]["reason"]
    assert "DEVLAKE_DISABLED_PLUGINS=crasher" in found["crasher"]["hint"]


def test_the_whole_check_ends_in_time(python):
    found = python(CHECK.format(whole=1), "hangs", env={"DEVLAKE_IMPORT_SECONDS": "60"})
    assert found["sleeper"]["cause"] == "timeout"
    assert found["sleeper"]["took"] < 10


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
    found = python(CHECK.format(whole=60), sites=[tmp_path], env=secrets)
    assert "seen: []" in found["nosy"]["reason"]
