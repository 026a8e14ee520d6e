"""Errors that devlake_core raises on purpose, named by how a run reacts to them.

DevlakeError                 has .exit_code and .hint                                  70
├─ UsageError                the caller asked for something that is not there           2
├─ ConfigError               connection, database URL, secret or migration is wrong    78
│  └─ SchemaError            the database lacks a table, column or migration           78
├─ PluginError               a plugin misbehaved; has .plugin and .distribution         1
│  ├─ PluginLoadError        could not be loaded                                       78
│  └─ HookError              raised inside a hook; has .hook                            1
├─ ConnectionRejected        the tool refused our credentials                          77
├─ RequestError              a request failed; has .request and .retry_at              75
│  └─ APIException           its response was resolved to failure; has .response        1
├─ RecordError               one record could not be extracted or converted            65
├─ TooManyBadRecords         the quarantine passed its threshold                       65
├─ StoreError                the database did not do what it was asked                 75
│  ├─ StoreUnreachable       it does not answer                                        75
│  ├─ ScopeBusy              another run holds the scope; has .holder                  75
│  └─ Fenced                 another run took the scope over                           75
├─ OutputError               a result could not be written                             74
├─ ProtocolError             the other end of a pipe or socket spoke nonsense          76
└─ Cancelled                 Ctrl-C (130) or SIGTERM (143)                            130

The numbers are those of sysexits.h where it has one. An instance may carry another number than
its class (a 401 is an APIException with 77, a 429 one with 75).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from datetime import datetime


class DevlakeError(Exception):
    """Be the base of everything that is raised on purpose.

    Args:
        message: what happened and where.
        hint: what to do about it; shown on a line of its own.
        exit_code: the process's exit status, where it differs from the class's.
    """

    default_exit_code: ClassVar[int] = 70

    def __init__(self, message: str = "", *, hint: str = "", exit_code: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = self.default_exit_code if exit_code is None else exit_code

    def __str__(self) -> str:
        """Return the message without the hint."""
        return self.message


class UsageError(DevlakeError):
    """Say that the caller asked for something that is not there."""

    default_exit_code = 2


class ConfigError(DevlakeError):
    """Say that a connection, a database URL, a secret or an installation is wrong."""

    default_exit_code = 78


class SchemaError(ConfigError):
    """Say that the database lacks a table, a column or a migration."""


class PluginError(DevlakeError):
    """Say that a plugin misbehaved.

    Args:
        message: what happened.
        plugin: the plugin's name.
        distribution: the name and version of the distribution that brought it.
        hint: what to do about it.
        exit_code: the process's exit status, where it differs from the class's.
    """

    default_exit_code = 1

    def __init__(
        self,
        message: str = "",
        *,
        plugin: str = "",
        distribution: str = "",
        hint: str = "",
        exit_code: int | None = None,
    ) -> None:
        super().__init__(message, hint=hint, exit_code=exit_code)
        self.plugin = plugin
        self.distribution = distribution


class PluginLoadError(PluginError):
    """Say that a plugin could not be loaded."""

    default_exit_code = 78


class HookError(PluginError):
    """Say that a hook raised or gave something that it may not give.

    Args:
        message: what happened.
        hook: the hook's name.
        plugin: the plugin or hooks package whose implementation it was.
        distribution: the name and version of its distribution.
    """

    def __init__(
        self, message: str = "", *, hook: str = "", plugin: str = "", distribution: str = ""
    ) -> None:
        super().__init__(message, plugin=plugin, distribution=distribution)
        self.hook = hook


class ConnectionRejected(DevlakeError):
    """Say that the tool refused the connection's credentials."""

    default_exit_code = 77


class RequestError(DevlakeError):
    """Say that a request failed without a response (DNS, TLS, refused, deadline).

    Args:
        message: what happened.
        request: the request as it was after the hooks and before the authenticator.
        retry_at: when a new try makes sense, where that is known (aware, UTC).
        hint: what to do about it.
        exit_code: the process's exit status, where it differs from the class's.
    """

    default_exit_code = 75

    def __init__(
        self,
        message: str = "",
        *,
        request: Any = None,
        retry_at: datetime | None = None,
        hint: str = "",
        exit_code: int | None = None,
    ) -> None:
        super().__init__(message, hint=hint, exit_code=exit_code)
        self.request = request
        self.retry_at = retry_at


class APIException(RequestError):
    """Say that a response was resolved to failure.

    Args:
        response: the response, with its real status and body.
        message: what happened; made from the response where it is left out.
        retry_at: when a new try makes sense, where that is known (aware, UTC).
        hint: what to do about it.
        exit_code: the process's exit status, where it differs from the class's.
    """

    default_exit_code = 1

    def __init__(
        self,
        response: Any,
        message: str = "",
        *,
        retry_at: datetime | None = None,
        hint: str = "",
        exit_code: int | None = None,
    ) -> None:
        request = getattr(response, "request", None)
        if not message:
            message = (
                f"status {getattr(response, 'status', '?')} from {getattr(request, 'url', '?')}"
            )
        super().__init__(
            message, request=request, retry_at=retry_at, hint=hint, exit_code=exit_code
        )
        self.response = response


class RecordError(DevlakeError):
    """Say that one record could not be extracted or converted.

    Args:
        message: why.
        raw_id: the id of its raw row, where there is one.
        pointer: the JSON pointer (RFC 6901) of the value at fault, where it is known.
    """

    default_exit_code = 65

    def __init__(self, message: str = "", *, raw_id: int | None = None, pointer: str = "") -> None:
        super().__init__(message)
        self.raw_id = raw_id
        self.pointer = pointer


class TooManyBadRecords(DevlakeError):
    """Say that a stream was stopped because too many of its records are in quarantine."""

    default_exit_code = 65


class StoreError(DevlakeError):
    """Say that the database did not do what it was asked."""

    default_exit_code = 75


class StoreUnreachable(StoreError):
    """Say that the database does not answer."""


class ScopeBusy(StoreError):
    """Say that another run holds the scope.

    Args:
        message: which scope.
        holder: who holds it: ``host``, ``pid`` and ``since``, as far as they are known.
    """

    def __init__(self, message: str = "", *, holder: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.holder = holder or {}


class Fenced(StoreError):
    """Say that another run took the scope over, so that nothing more may be written."""


class OutputError(DevlakeError):
    """Say that a result could not be written."""

    default_exit_code = 74


class ProtocolError(DevlakeError):
    """Say that the other end of a pipe or socket spoke nonsense."""

    default_exit_code = 76


class Cancelled(DevlakeError):
    """Say that the run was asked to stop: exit code 130 for Ctrl-C, 143 for SIGTERM."""

    default_exit_code = 130
