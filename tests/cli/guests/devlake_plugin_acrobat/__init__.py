"""A data source that needs no connection and does what the name of a scope says."""

import ctypes
import os
import signal
import subprocess
import sys
import time

import devlake_core as dl
from devlake_core.domain import ticket

COUNT = 30


class AcrobatConnection(dl.Connection):
    pass


class Trick(dl.ToolScope, table=True):
    pass


class Jump(dl.ToolModel, table=True):
    trick: str = dl.Field(primary_key=True, scope="id")
    id: int = dl.Field(primary_key=True)
    height: int


class Jumps(dl.Stream[Jump]):
    domain_types = [dl.DomainType.TICKET]
    domain_models = [ticket.Issue]

    def collect(self, state, ctx):
        trick = ctx.scope.id.partition("-")[0]
        for number in range(state.get("after", -1) + 1, COUNT):
            if number == COUNT // 2 and state == {}:
                perform(trick, ctx)
            if trick == "asleep" and number == COUNT // 2 - 1:
                time.sleep(0.3)  # so that the checkpoint behind it is committed
            if trick == "slowly" and not os.path.exists("hurry"):
                # Each record's checkpoint is committed, and the last one is far away.
                time.sleep(0.2 if number < 5 else 1)
            yield {"id": number, "height": number % 7}, {"after": number}
            if trick in {"slowly", "asleep"}:
                yield dl.Checkpoint({"after": number})

    def extract(self, raw, ctx):
        if ctx.scope.id.startswith("bad") and raw["id"] % 10 == 3:
            raw["height"] = "very"
        return raw

    def convert(self, jump, ctx):
        yield ticket.Issue(title=f"jump of {jump.height}")


class Rests(dl.Stream):
    """Keeps raw rows alone, after the jumps."""

    domain_types = [dl.DomainType.TICKET]

    def collect(self, state, ctx):
        yield {"id": 1}, state


def perform(trick, ctx):
    if trick == "raise":
        message = "the rope broke"
        raise ValueError(message)
    if trick == "exit":
        sys.exit(0)
    if trick == "vanish":
        os._exit(0)
    if trick == "segv":
        ctypes.string_at(0)
    if trick == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if trick == "asleep":
        time.sleep(600)
    if trick == "prints":
        sys.stdout.write("this is no JSON\n")
        sys.stdout.flush()
    if trick == "orphan":
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    if trick == "refused":
        message = "no entry"
        raise dl.UsageError(message)
    if trick == "environment":
        sys.stderr.write(" ".join(sorted(os.environ)) + "\n")


class AcrobatPlugin(dl.Plugin):
    connection_type = AcrobatConnection
    tool_scope_type = Trick
    streams = [Jumps, Rests]

    def scope_from_argument(self, text):
        if text is None or text.startswith("no-"):
            return None
        return Trick(id=text, name=text.title())
