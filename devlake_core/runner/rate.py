"""The column of a progress bar that says how much is done, of how much, and how fast."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.progress import ProgressColumn
from rich.text import Text

if TYPE_CHECKING:
    from rich.progress import Task


class AmountColumn(ProgressColumn):
    """Show ``1,200/40,000  3,400/s``; without a total ``1,200  3,400/s``."""

    def render(self, task: Task) -> Text:
        """Return the column's text."""
        amount = f"{int(task.completed):,}"
        if task.total is not None:
            amount += f"/{int(task.total):,}"
        speed = task.speed
        return Text(amount if speed is None else f"{amount}  {speed:,.0f}/s")
