"""Commands whose options follow from a plugin: ``devlake connections add PLUGIN …``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .options import db_option, json_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from devlake_core.model import Row
    from devlake_core.plugin.base import Plugin


class PerPlugin(click.Group):
    """Be a command whose sub-commands are the plugins, with options from a class of theirs.

    Args:
        name: the command's name.
        about: its first line.
        model: returns the class whose fields become options.
        call: is called with the session, the plugin and the options.
        required: whether fields without a default must be given.
        named: whether the name is an argument (of what there is) rather than an option.
        extra: adds further options.
    """

    def __init__(
        self,
        name: str,
        about: str,
        model: Callable[[Plugin], type[Row]],
        call: Callable[..., Any],
        *,
        required: bool,
        named: bool = False,
        extra: Callable[[click.Command], click.Command] = lambda command: command,
    ) -> None:
        words = "PLUGIN NAME [OPTIONS]" if named else "PLUGIN [OPTIONS]"
        super().__init__(
            name,
            help=f"{about}\n\n--help after the plugin's name lists the options for its fields.",
            subcommand_metavar=words,
            no_args_is_help=True,
        )
        self._model = model
        self._call = call
        self._required = required
        self._named = named
        self._extra = extra

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the plugins."""
        from devlake_core.plugin import discovery

        return [r.name for r in discovery.found() if r.kind == "plugin" and r.usable]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of plugins, without importing them."""
        names = self.list_commands(ctx)
        with formatter.section("Plugins"):
            formatter.write_text(", ".join(names) or "none is installed")

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Return the command for a plugin; the plugin is imported.

        Raises:
            UsageError: there is no such plugin.
            PluginLoadError: it is broken.
        """
        session: Any = ctx.find_object(object)
        plugin = session.load(name)
        from .fields import Fields

        fields = Fields(self._model(plugin))

        def call(**options: Any) -> Any:
            return self._call(session, plugin, fields, options)

        command = click.Command(
            name,
            callback=call,
            help=f"{self.get_short_help_str(200)}",
            params=[self._name_parameter(), *fields.options(required=self._required)],
        )
        # The decorators take a command that is made already, too.
        return self._extra(db_option(json_option(command)))

    def _name_parameter(self) -> click.Parameter:
        if self._named:
            return click.Argument(["name"])
        return click.Option(["--name"], metavar="NAME", required=True, help="What you call it.")
