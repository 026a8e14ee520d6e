"""What makes a shell complete commands, plugins and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from .options import debug_option
from .output import write

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@debug_option
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print what makes a shell complete commands.

    bash: eval "$(devlake completion bash)" in ~/.bashrc; zsh: the same in ~/.zshrc; fish: devlake
    completion fish > ~/.config/fish/completions/devlake.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    made = kind(ctx.find_root().command, {}, "devlake", "_DEVLAKE_COMPLETE")
    # Not .source(): that of bash starts a bash to see how old it is.
    write(made.source_template % made.source_vars())
