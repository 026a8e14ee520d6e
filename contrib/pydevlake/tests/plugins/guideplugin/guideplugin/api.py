from pydevlake.api import API, TokenPaginator, request_hook


class MyAPI(API):
    paginator = TokenPaginator(
        items_attr="results", next_page_token_attr="nextPage", next_page_token_param="page"
    )

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
