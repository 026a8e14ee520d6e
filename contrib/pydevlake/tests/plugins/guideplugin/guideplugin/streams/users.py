from typing import Iterable, Tuple

import pydevlake.domain_layer.crossdomain as cross
from guideplugin.api import MyAPI
from guideplugin.models import User as ToolUser
from pydevlake import Context, DomainType, Stream


class Users(Stream):
    tool_model = ToolUser
    domain_models = [cross.Account]
    domain_types = [DomainType.CROSS]

    def collect(self, state, context) -> Iterable[Tuple[object, dict]]:
        api = MyAPI(context.connection.url, context.connection.token.get_secret_value())
        for user in api.users():
            yield user, state

    def convert(self, user: ToolUser, context: Context) -> Iterable[cross.Account]:
        yield cross.Account(id=user.id, full_name=user.name, email=user.email)
