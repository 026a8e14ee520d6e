"""Shared hooks that raise on each request."""

import devlake_core as dl


@dl.hookimpl
def devlake_before_request(call):
    raise RuntimeError("no audit today")
