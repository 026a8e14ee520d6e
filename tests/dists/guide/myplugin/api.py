from devlake_core.api import API, request_hook


class MyAPI(API):
    def __init__(self, url, token):
        self.url = url
        self.token = token

    @request_hook
    def authenticate(self, request):
        if self.token:
            request.headers["Token"] = self.token

    def users(self):
        return self.get(f"{self.url}/users")

    def user_comments(self, user_id):
        return self.get(f"{self.url}/users/{user_id}/comments").json

    def groups(self):
        return self.get(f"{self.url}/groups")

    def projects(self, group_id):
        return self.get(f"{self.url}/groups", group_id, "projects")
