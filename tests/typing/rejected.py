"""Mistakes that a type checker must report: each line that ends in `# wrong`, and no other."""

import devlake_core as dl
from devlake_core.domain import ticket
from tests.typing.accepted import Comment, Ctx, Issue, Issues, Project, TrackerConnection

Issue(id=1, title="x")  # wrong
Issue(id=1, titel="x", title="x", status="open")  # wrong
Issue(id="one", title="x", status="open")  # wrong
TrackerConnection(name="n", endpoint="e")  # wrong
TrackerConnection(name="n", endpoint="e", token="clear")  # wrong
Project(id="a", name="A", ulr="u", url="u")  # wrong
ticket.BoardIssue(board_id="b")  # wrong
ticket.Issue(title="x", staus="DONE")  # wrong
ticket.Issue(title=1)  # wrong
title = Issue(id=1, title="x", status="open").titel  # wrong


class Comments(dl.RestSubstream[Comment, Issue]):
    parent_stream = Issues

    def request(self, ctx: Ctx, issue: Issue) -> dl.Request:
        return dl.Request(["issues", issue.number, ctx.scope.id])  # wrong

    def convert(self, comment: Comment, ctx: Ctx) -> ticket.IssueComment:
        key = ctx.scope_config.point_field  # wrong
        return ticket.IssueComment(body=key, issue_id=comment.issue_id)  # wrong
