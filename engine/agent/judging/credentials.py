"""What a request shows of who sends it: credentials, a session, or nothing."""

from __future__ import annotations

from engine.agent.judging.message import Message

_NAMED = ("token", "api-key", "nonce", "csrf", "signature", "xsrf")
_SHORTEST = 3
"""Characters below which a token is a blank that somebody left in."""


def is_session(request: Message) -> bool:
    """Return whether a request bears credentials or belongs to a session, whether or not they are believed."""
    told = request.headers
    if "authorization" in told or _has_session_cookie(told.get("cookie", "")):
        return True
    return any(name.endswith(_NAMED) and len(value) >= _SHORTEST for name, value in told.items())


def _has_session_cookie(cookie: str) -> bool:
    """Return whether a cookie is more than a remembered login, which is a claim and no session."""
    pairs = [part.partition("=") for part in cookie.split(";") if part.strip()]
    return any(value and not name.strip().lower().startswith("remember") for name, _, value in pairs)
