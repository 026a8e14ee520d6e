"""Shared hooks that give one stream and then raise."""

import devlake_core as dl


class Extra(dl.Stream):
    pass


@dl.hookimpl
def devlake_streams(plugin):
    yield Extra
    raise OSError("the list of streams broke off")
