"""Find installed guests by their metadata alone; nothing of theirs is imported.

Entry points of two groups are read: ``devlake.plugins`` (data sources) and ``devlake.hooks``
(shared hooks). What a distribution says of itself is text of unknown intent: it is cleaned, cut
and checked before anybody sees it, and a distribution that cannot be read is a broken record,
never an exception.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import re
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import importlib_metadata

from .clean import clean
from .names import COMMAND_WORDS, NAME, covers, folded, server_plugins
from .records import PluginRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from .records import Kind

log = logging.getLogger(__name__)

GROUPS: dict[str, Kind] = {"devlake.plugins": "plugin", "devlake.hooks": "hooks"}
ALLOWED = "DEVLAKE_PLUGINS"
DENIED = "DEVLAKE_DISABLED_PLUGINS"

_PLACE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*)?", re.ASCII)
_REINSTALL = "reinstall or remove it: pip install --force-reinstall {0} / pip uninstall {0}"


def core_version() -> str:
    """Return the installed version of devlake-core, or an empty text."""
    try:
        return clean(importlib_metadata.version("devlake-core"), 64)
    except importlib_metadata.PackageNotFoundError:
        return ""


def traces(name: str) -> tuple[list[str], list[str]]:
    """Return where the installation of a distribution shows, and its source folders if editable.

    Args:
        name: the distribution's name.

    Returns:
        Files that every installation writes anew, and folders that are used in their place; both
        empty if it is not installed or cannot be read.
    """
    try:
        distribution = importlib_metadata.distribution(name)
        listed = distribution.files or []
        origin = distribution.read_text("direct_url.json") or "{}"
    except Exception:
        # One that is damaged is found to be broken elsewhere.
        log.debug("the files of %s cannot be listed", name, exc_info=True)
        return [], []
    folder = str(getattr(distribution, "_path", ""))
    files = [os.path.join(folder, file) for file in ("RECORD", "METADATA", "direct_url.json")]
    files += [str(file.locate()) for file in listed if str(file).endswith(".pth")]
    try:
        said = json.loads(origin)
        editable = said.get("dir_info", {}).get("editable")
        sources = [unquote(urlsplit(said["url"]).path)] if editable else []
    except (ValueError, KeyError, AttributeError):
        sources = []
    return [file for file in files if os.path.isfile(file)], sources


def found(environ: Mapping[str, str] = os.environ) -> list[PluginRecord]:
    """Return a record of each installed guest, sorted by kind and name.

    Args:
        environ: where ``DEVLAKE_PLUGINS`` (the only ones to use: ``x``, ``x@distribution`` or
            ``x@distribution==version``, separated by commas), ``DEVLAKE_DISABLED_PLUGINS`` and
            ``PLUGIN_DIR`` are read.
    """
    records: list[PluginRecord] = []
    seen: set[str] = set()
    for distribution in importlib_metadata.distributions():
        for record in _of_distribution(distribution, seen):
            records.append(record)
    records.sort(key=lambda record: (record.kind != "plugin", record.name, record.distribution))
    for record in records:
        _switch_off(record, environ)
    reserved = server_plugins(environ)
    for record in records:
        _check_name(record, reserved)
    _find_conflicts([record for record in records if record.state != "disabled"])
    return records


def _of_distribution(distribution: Any, seen: set[str]) -> Iterator[PluginRecord]:
    try:
        text = distribution.read_text("entry_points.txt") or ""
    except Exception:
        log.debug("entry points of %s cannot be read", distribution, exc_info=True)
        return
    if not any(group in text for group in GROUPS):
        return
    name, version, summary, python, problem = _metadata(distribution)
    identity = re.sub(r"[-_.]+", "-", name).lower()
    if identity in seen:
        # Python imports the first of two copies on the path, so the second is not there.
        return
    seen.add(identity)
    try:
        points = [point for point in distribution.entry_points if point.group in GROUPS]
    except Exception as error:
        points, problem = [], f"its entry points cannot be read: {clean(error)}"
    if not points and problem:
        points = [importlib_metadata.EntryPoint(name, "", "devlake.plugins")]
    for point in points:
        record = PluginRecord(
            kind=GROUPS[point.group],
            name=clean(point.name, 64),
            distribution=name,
            version=version,
            entry_point=clean(point.value),
            summary=summary,
        )
        if problem:
            record.mark_broken("metadata", problem, _REINSTALL.format(name))
        elif _PLACE.fullmatch(point.value) is None:
            record.mark_broken(
                "metadata",
                f"its entry point {record.entry_point!r} is no 'package.module:name'",
                _REINSTALL.format(name),
            )
        elif record.kind == "plugin" and ":" not in point.value:
            record.mark_broken(
                "metadata",
                f"its entry point {record.entry_point!r} names a module, not a class",
                f"write {record.entry_point}:<PluginClass> in its pyproject.toml",
            )
        elif not _fits_python(python):
            record.mark_broken(
                "python",
                f"it needs Python {python}, this is {platform.python_version()}",
                "use a Python that fits, or a release of it for this one",
            )
        yield record


def _metadata(distribution: Any) -> tuple[str, str, str, str, str]:
    """Return name, version, summary, the Pythons it is for, and what is wrong with them."""
    try:
        said = _headers(distribution)
        fields = [said.get(key, "") for key in ("name", "version", "summary", "requires-python")]
    except Exception as error:
        folder = str(getattr(distribution, "_path", "unknown")).rsplit("/", 1)[-1]
        return clean(folder, 100), "", "", "", f"its metadata cannot be read: {clean(error)}"
    name, version, summary, python = (
        clean(text, limit) for text, limit in zip(fields, (100, 64, 200, 100), strict=True)
    )
    if re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", name, re.ASCII) is None:
        return ascii(name), version, summary, python, "its distribution has no valid name"
    return name, version, summary, python, ""


def _headers(distribution: Any) -> dict[str, str]:
    """Return the headers of a distribution's metadata, by their names in lower case.

    By hand, for none that is asked for has more than one line: to import Python's parser of
    e-mails takes as long as to find all guests.
    """
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO")
    if text is None:
        message = "there is neither METADATA nor PKG-INFO"
        raise FileNotFoundError(message)
    found: dict[str, str] = {}
    for line in text.partition("\n\n")[0].split("\n"):
        key, colon, value = line.partition(":")
        if colon and not line[0].isspace():
            found.setdefault(key.lower(), value.strip())
    return found


def _fits_python(wanted: str) -> bool:
    if not wanted:
        return True
    # What almost everybody says needs no parser, whose import takes longer than all else here.
    least = re.fullmatch(r">= ?(\d+)\.(\d+)", wanted, re.ASCII)
    if least:
        return sys.version_info[:2] >= (int(least[1]), int(least[2]))
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return SpecifierSet(wanted).contains(platform.python_version(), prereleases=True)
    except InvalidSpecifier:
        # pip has installed it all the same; the import will tell.
        return True


def _names(record: PluginRecord, listed: str) -> bool:
    """Say whether a list such as ``a,b@dist==1.0`` names a record."""
    for item in re.split(r"[,\s]+", listed.strip()):
        name, _, where = item.partition("@")
        distribution, _, version = where.partition("==")
        wanted = re.sub(r"[-_.]+", "-", distribution).lower()
        if (
            name == record.name
            and wanted in {"", re.sub(r"[-_.]+", "-", record.distribution).lower()}
            and version in {"", record.version}
        ):
            return True
    return False


def _switch_off(record: PluginRecord, environ: Mapping[str, str]) -> None:
    if _names(record, environ.get(DENIED, "")):
        record.reason = f"{DENIED} names it"
        record.hint = f"take it out of {DENIED} to use it"
    elif environ.get(ALLOWED, "").strip() and not _names(record, environ[ALLOWED]):
        record.reason = f"{ALLOWED} does not name it"
        record.hint = f"add {record.name}@{record.distribution} to {ALLOWED} to use it"
    else:
        return
    record.state, record.cause = "disabled", "off"


def _check_name(record: PluginRecord, reserved: Iterable[str]) -> None:
    if not record.usable:
        return
    name = record.name
    if NAME.fullmatch(name) is None:
        record.mark_broken(
            "name",
            f"its name {name!a} is not allowed",
            "a name is 2 to 31 lower-case letters, digits and underscores, with a letter first",
        )
        return
    if record.kind == "hooks":
        return
    for other in sorted(reserved):
        if folded(name) == folded(other):
            reason = f"its name {name!r} is that of DevLake's own plugin {other!r}"
        elif covers(name, other):
            reason = (
                f"its name {name!r} begins the name of DevLake's own plugin {other!r}, "
                "so that deleting its data would delete the other's"
            )
        else:
            continue
        record.mark_broken("reserved", reason, f"ask the author of {record.source} to rename it")
        return
    if name in COMMAND_WORDS:
        record.mark_broken(
            "reserved",
            f"its name {name!r} is a word of the command line",
            f"ask the author of {record.source} to rename it",
        )


def _find_conflicts(records: list[PluginRecord]) -> None:
    """Mark records that get in each other's way; what is marked depends on no order."""
    same = Counter((record.kind, record.name) for record in records)
    reasons: list[tuple[PluginRecord, str, PluginRecord]] = []
    for record in records:
        for other in records:
            if record is other or record.kind != other.kind:
                continue
            if record.name == other.name:
                reasons.append((record, "has the same name", other))
            elif record.kind == "hooks":
                continue
            elif folded(record.name) == folded(other.name):
                if record.name != folded(record.name):
                    reasons.append((record, "differs only in case or underscores", other))
            elif not (record.usable and other.usable):
                continue
            elif covers(record.name, other.name) or covers(other.name, record.name):
                reasons.append((record, "shares the beginning of its name", other))
    for record, what, other in reasons:
        exact = f"{record.name}@{record.distribution}"
        record.mark_broken(
            "conflict",
            f"{other.name!r} of {other.source} {what}",
            f"uninstall one of the two, or choose: {ALLOWED}={exact}"
            if same[record.kind, record.name] == 1 or record.distribution != other.distribution
            else f"ask the author of {record.source} to give each entry point its own name",
        )
