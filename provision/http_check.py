"""One call of Momento's HTTP API as the pipes make them, with the same endpoint and header. It changes nothing."""

from __future__ import annotations

import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any
from urllib.parse import quote

from core import failures
from provision.secret_text import SecretText

#: What an API destination waits for an answer, in seconds (facts/aws-pipes.md, section 3).
WITHIN_S = 5.0
#: A key that nobody writes: that it is not there is the answer that is wanted.
_KEY = "provision-doctor"

_SAID: dict[int, tuple[bool | None, str]] = {
    200: (True, "answers, and takes the key"),
    204: (True, "answers, and takes the key"),
    404: (True, "answers, and takes the key"),
    401: (
        False,
        "does not take the key. It may have expired, or belong to another region: the console shows a key's endpoint "
        "beside it. Make a new one there, and set MOMENTO_API_KEY and MOMENTO_ENDPOINT together",
    ),
    403: (None, "takes the key, which may not read the cache. The pipes have to write it, and publish to the topic"),
    429: (None, "has no room for another call at the moment; ask again"),
}


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """urllib would send the key along to wherever a redirect leads."""

    def redirect_request(self, *_: Any) -> None:
        """Follows none: a redirect is an answer with its status."""


def ask(http_endpoint: str, cache: str, api_key: SecretText) -> tuple[bool | None, str]:
    """Whether the endpoint takes the key (None: not to be found out), and what was seen. Never names the key."""
    address = f"{http_endpoint}/cache/{quote(cache, safe='')}?key={_KEY}"
    request = urllib.request.Request(address, headers={"Authorization": api_key.reveal()})
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=WITHIN_S) as answer:
            status = answer.status
    except urllib.error.HTTPError as refused:
        status = refused.code
        refused.close()
    except ValueError:
        # Its text quotes the header.
        return False, "the key cannot be sent as a header. Copy it again from the Momento console"
    except (OSError, HTTPException) as error:
        failure = failures.of(error)
        why = f"{failure.said}. {failure.advice}".rstrip(".") if failure else type(error).__name__
        return False, f"{http_endpoint} cannot be reached: {why}. Check MOMENTO_ENDPOINT too"
    good, said = _SAID.get(status, (False, f"answers {status}. Ask again; if it stays, look at Momento's status page"))
    return good, f"{http_endpoint} {said}"
