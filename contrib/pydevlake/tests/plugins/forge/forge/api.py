from typing import Optional

from pydevlake.api import API, Paginator, Request, Response, request_hook, response_hook


class ForgePaginator(Paginator):
    def get_items(self, response) -> Optional[list[object]]:
        return response.json.get("value")

    def get_next_page_id(self, response) -> Optional[str]:
        return response.headers.get("x-continuation") or None

    def set_next_page_param(self, request, next_page_id):
        request.query_args["continuation"] = next_page_id


class ForgeAPI(API):
    paginator = ForgePaginator()

    @property
    def base_url(self):
        return self.connection.organization

    @request_hook
    def authenticate(self, request: Request):
        request.headers["Authorization"] = f"Basic {self.connection.token.get_secret_value()}"

    @response_hook
    def change_203_to_401(self, response: Response):
        if response.status == 203:
            response.status = 401

    def profile(self):
        return self.get("profile")

    def repositories(self, group: str):
        return self.get(group, "repositories", top=2)

    def builds(self, repository: str):
        return self.get(repository, "builds")

    def jobs(self, repository: str, build: int):
        return self.get(repository, "builds", build, "jobs")
