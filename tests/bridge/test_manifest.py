"""The shim's text and the manifest beside the shims."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from devlake_core.bridge.manifest import Shim, contents, read_shim, shims

ODD = ["plain", "with space", "it's", 'a "quoted" one', "$HOME`id`", "back\\slash", "new\nline"]


@pytest.mark.parametrize("name", ODD)
def test_a_shim_executes_what_it_names_and_passes_its_folder_and_arguments(tmp_path, name):
    folder = tmp_path / name
    (folder / "tracker").mkdir(parents=True)
    (folder / "client.py").write_text("import json, sys; print(json.dumps(sys.argv[1:]))\n")
    (folder / "python").symlink_to(sys.executable)
    shim = Shim(str(folder / "python"), str(folder / "client.py"))
    file = folder / "tracker" / "run.sh"
    file.write_bytes(shim.text())
    file.chmod(0o755)
    words = ["collect", '{"a": "b c"}', "", "$HOME", "*"]
    done = subprocess.run(
        ["./run.sh", *words], cwd=file.parent, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [".", *words]
    done = subprocess.run([file, *words], cwd="/", capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [str(file.parent), *words]


@pytest.mark.parametrize("name", ODD)
def test_a_shim_can_be_read_again(tmp_path, name):
    shim = Shim(f"/venv/{name}/bin/python", f"/venv/{name}/client.py")
    file = tmp_path / "run.sh"
    file.write_bytes(shim.text())
    assert read_shim(file) == shim


@pytest.mark.parametrize(
    "change",
    [
        lambda text: b"",
        lambda text: text.replace(b"exec", b"rm -rf /; exec"),
        lambda text: text + b"echo more\n",
        lambda text: text.replace(b"-I -S", b"-S"),
        lambda text: text.replace(b"client.py", b"main.py"),
        lambda text: b"\xff" + text,
        lambda text: text.replace(b"/venv", b"'/venv"),
    ],
)
def test_a_file_that_does_anything_else_is_not_ours(tmp_path, change):
    file = tmp_path / "run.sh"
    file.write_bytes(change(Shim("/venv/python", "/venv/client.py").text()))
    assert read_shim(file) is None


def test_only_files_right_below_the_folder_are_our_shims(tmp_path):
    text = Shim("/venv/python", "/venv/client.py").text()
    for folder in (".", "one", "one/two"):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "run.sh").write_bytes(text)
    ours, foreign = shims(tmp_path)
    assert list(ours) == ["one"]
    assert foreign == [str(tmp_path / "run.sh"), str(tmp_path / "one/two/run.sh")]


def test_a_manifest_is_the_same_for_the_same_installation():
    plugins = {"b": {}, "a": {"legacy": "/nowhere/main.py"}}
    first = contents(plugins, ["devlake-plugin-gitrepo", "pytest"])
    again = contents(dict(reversed(plugins.items())), ["pytest", "devlake-plugin-gitrepo"])
    assert first == again
    values = json.loads(first)
    assert values["interpreter"] == sys.executable
    assert values["prefix"] == sys.prefix
    assert any(path.endswith("/site-packages") for path in values["paths"])
    assert any(path.endswith("/RECORD") for path in values["paths"])
    assert "/nowhere" in values["sources"]


def test_sources_of_a_plugin_that_is_no_distribution_count_but_not_its_virtual_environment(
    tmp_path,
):
    for file in (
        "main.py",
        "deep/model.py",
        ".venv/x.py",
        "env/lib/y.py",
        "env/pyvenv.cfg",
        "a.md",
    ):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("")
    values = json.loads(contents({"old": {"legacy": str(tmp_path / "main.py")}}, []))
    assert [path for path in values["paths"] if path.startswith(str(tmp_path))] == [
        str(tmp_path / "deep/model.py"),
        str(tmp_path / "main.py"),
    ]
