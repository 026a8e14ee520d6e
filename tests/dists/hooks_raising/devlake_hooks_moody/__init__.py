"""Shared hooks of which one raises: the one that the environment names."""

import os

import devlake_core as dl


def perhaps(hook):
    if os.environ.get("MOODY", "devlake_before_request") == hook:
        raise RuntimeError("no audit today")


@dl.hookimpl
def devlake_before_request(call):
    perhaps("devlake_before_request")


@dl.hookimpl
def devlake_after_response(call):
    perhaps("devlake_after_response")


@dl.hookimpl
def devlake_before_subtask(subtask):
    perhaps("devlake_before_subtask")


@dl.hookimpl
def devlake_on_subtask_error(subtask, error):
    perhaps("devlake_on_subtask_error")
