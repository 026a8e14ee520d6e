from guideplugin.api import MyAPI
from guideplugin.models import Comment
from guideplugin.streams.users import Users
from pydevlake import Substream


class UserComments(Substream):
    tool_model = Comment
    parent_stream = Users

    def collect(self, state: dict, context, user):
        api = MyAPI(context.connection.url, context.connection.token.get_secret_value())
        for json in api.user_comments(user.id):
            yield json, state
