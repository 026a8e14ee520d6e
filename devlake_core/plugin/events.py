"""What happens in a run, told to those who listen: a guard around each listener."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pluggy

from devlake_core import hookspecs
from devlake_core.errors import DevlakeError

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Generator, Iterable

    from pluggy import HookImpl

    from devlake_core.api import Resolution
    from devlake_core.api.runtime import Call

    from .records import PluginRecord

    Failed = Callable[[PluginRecord, str, BaseException], None]


@dataclass(frozen=True)
class Subtask:
    """Name a verb of a stream that is run; what hooks about subtasks get.

    Attributes:
        plugin: the data source's name.
        stream: the stream's name.
        verb: ``collect``, ``extract`` or ``convert``.
        connection: the connection's name.
        scope: the scope's id.
    """

    plugin: str
    stream: str
    verb: str
    connection: str
    scope: str


@dataclass(frozen=True, eq=False)
class Guest:
    """Be a healthy guest: its record, what its entry point gave, and its hooks alone."""

    record: PluginRecord
    object: Any
    hooks: pluggy.PluginManager


def new_manager() -> pluggy.PluginManager:
    """Return a pluggy manager that knows our hooks and no guest."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


def subset(
    guests: Iterable[Guest],
    plugin: str,
    wrap: Callable[[Guest, str, HookImpl], Callable[..., Any]] | None = None,
) -> pluggy.PluginManager:
    """Return a manager with those hooks of some guests that are for one data source.

    Args:
        guests: in the order in which they are to be called.
        plugin: the data source's name.
        wrap: what is put around each implementation.
    """
    manager = new_manager()
    # pluggy calls what was registered last first.
    for guest in reversed(list(guests)):
        chosen = SimpleNamespace()
        for caller in guest.hooks.get_hookcallers(guest.object) or ():
            for number, impl in enumerate(caller.get_hookimpls()):
                only = getattr(impl.function, "devlake_plugins", ())
                if only and plugin not in only:
                    continue
                function = wrap(guest, caller.name, impl) if wrap else _renamed(impl)
                mark = hookspecs.hookimpl(
                    specname=caller.name,
                    tryfirst=impl.tryfirst,
                    trylast=impl.trylast,
                    optionalhook=impl.optionalhook,
                    wrapper=impl.wrapper,
                )
                setattr(chosen, f"{caller.name}_{number}", mark(function))
        manager.register(chosen, guest.record.name)
    return manager


def _renamed(impl: HookImpl) -> Callable[..., Any]:
    """Return a function of its own, so that the guest's keeps its marks."""
    function: Any = impl.function

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    @wraps(function)
    def around(*args: Any, **kwargs: Any) -> Any:
        return (yield from function(*args, **kwargs))

    return around if impl.wrapper else call


def _checked(hook: str, value: Any) -> Any:
    if hook == "devlake_resolve_response":
        from devlake_core.api import Resolution

        if value is None or isinstance(value, Resolution):
            return value
        message = f"it returned {type(value).__name__}, not a Resolution or None"
        raise TypeError(message)
    if value is not None:
        message = f"it returned {type(value).__name__}; assign to call.request or call.response"
        raise TypeError(message)
    return None


def guard(failed: Failed) -> Callable[[Guest, str, HookImpl], Callable[..., Any]]:
    """Return what puts a guard around an implementation.

    An error of ``devlake_core.errors`` is meant and goes on its way; anything else is a mistake
    of the guest, told to ``failed``, and the other implementations run on. A guest that is marked
    as broken is called no more.
    """

    def wrap(guest: Guest, hook: str, impl: HookImpl) -> Callable[..., Any]:
        function = impl.function

        def tell(error: BaseException) -> None:
            failed(guest.record, hook, error)

        @wraps(function)
        def plain(*args: Any, **kwargs: Any) -> Any:
            if guest.record.state == "broken":
                return None
            try:
                return _checked(hook, function(*args, **kwargs))
            except DevlakeError:
                raise
            except (Exception, SystemExit) as error:
                tell(error)
                return None

        @wraps(function)
        def around(*args: Any, **kwargs: Any) -> Any:
            if guest.record.state == "broken":
                return (yield)
            halves: Any = function(*args, **kwargs)
            return (yield from _around(halves, tell))

        return around if impl.wrapper else plain

    return wrap


def _around(
    guest: Generator[Any, Any, Any], tell: Callable[[BaseException], None]
) -> Generator[Any, Any, Any]:
    """Run a wrapper's two halves; where one fails, the hook's own outcome stands."""
    try:
        next(guest)
    except DevlakeError:
        raise
    except (Exception, SystemExit) as error:
        tell(error)
        return (yield)
    try:
        outcome = yield
    except BaseException as inner:
        try:
            guest.throw(inner)
        except StopIteration as end:
            return end.value
        except (Exception, SystemExit) as error:
            if error is not inner and not isinstance(error, DevlakeError):
                tell(error)
                raise inner from None
            raise
        guest.close()
        tell(RuntimeError("its wrapper yields twice"))
        raise
    try:
        guest.send(outcome)
    except StopIteration as end:
        return end.value
    except DevlakeError:
        raise
    except (Exception, SystemExit) as error:
        tell(error)
        return outcome
    guest.close()
    tell(RuntimeError("its wrapper yields twice"))
    return outcome


class EventHooks:
    """Tell the listeners of one data source: shared hooks and the data source itself.

    It is an onion: on the way out the data source is asked before the shared hooks, on the way
    back after them.
    """

    def __init__(
        self, plugin: str, shared: pluggy.PluginManager, own: pluggy.PluginManager
    ) -> None:
        self.plugin = plugin
        self._shared = shared.hook
        self._own = own.hook

    def before_request(self, call: Call) -> None:
        """Run before each attempt of a request."""
        self._own.devlake_before_request(call=call)
        self._shared.devlake_before_request(call=call)

    def after_response(self, call: Call) -> None:
        """Run after each response."""
        self._shared.devlake_after_response(call=call)
        self._own.devlake_after_response(call=call)

    def resolve_response(self, call: Call) -> Resolution | None:
        """Return the first resolution that a listener gives."""
        found: Resolution | None = self._own.devlake_resolve_response(call=call)
        if found is None:
            found = self._shared.devlake_resolve_response(call=call)
        return found

    def before_subtask(self, subtask: Subtask) -> None:
        """Run before a verb of a stream begins."""
        self._shared.devlake_before_subtask(subtask=subtask)
        self._own.devlake_before_subtask(subtask=subtask)

    def after_subtask(self, subtask: Subtask, counts: Counter[str]) -> None:
        """Run after a verb of a stream ended well."""
        self._own.devlake_after_subtask(subtask=subtask, counts=counts)
        self._shared.devlake_after_subtask(subtask=subtask, counts=counts)

    def on_subtask_error(self, subtask: Subtask, error: BaseException) -> None:
        """Run after a verb of a stream failed."""
        self._own.devlake_on_subtask_error(subtask=subtask, error=error)
        self._shared.devlake_on_subtask_error(subtask=subtask, error=error)
