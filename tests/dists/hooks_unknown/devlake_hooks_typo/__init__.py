"""Shared hooks with a name that there is not."""

import devlake_core as dl


@dl.hookimpl
def devlake_before_requests(call):
    call.request.headers["X-Never"] = "set"
