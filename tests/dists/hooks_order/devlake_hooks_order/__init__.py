"""Shared hooks that note that they were called, for one data source alone."""

import devlake_core as dl


@dl.hookimpl(plugins=("alpha",))
def devlake_before_request(call):
    call.request.headers["X-Seen-By"] = "order"
