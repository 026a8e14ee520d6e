from typing import Iterable, Tuple

from devlake_core import Context, Stream
from devlake_core.domain.crossdomain import Account
from myplugin.api import MyAPI
from myplugin.models import User as ToolUser


class Users(Stream):
    tool_model = ToolUser
    domain_models = [Account]

    def collect(self, state, context) -> Iterable[Tuple[object, dict]]:
        api = MyAPI(context.connection.url, context.connection.token.get_secret_value())
        for user in api.users().json:
            yield user, state

    def convert(self, user: ToolUser, context: Context) -> Iterable[Account]:
        yield Account(id=user.id, full_name=user.name, email=user.email)
