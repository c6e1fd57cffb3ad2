"""Django's entrance for requests, without a thread change at every step."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest


class OneThreadHandler(ASGIHandler):
    """Runs all middleware and the view of a request in one thread.

    None of them is asynchronous; Django's own handler would go to a thread and back for each half
    of each middleware, which costs as much as rendering a page.
    """

    def __init__(self) -> None:
        super(ASGIHandler, self).__init__()  # its own only loads the middleware, as asynchronous
        self.load_middleware(is_async=False)

    async def get_response_async(self, request: HttpRequest) -> Any:
        """The answer, made in the request's own thread."""
        return await sync_to_async(self.get_response, thread_sensitive=True)(request)
