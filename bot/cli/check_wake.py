"""What `check` asks the running bot, on the way that Chanjing takes: whether a wake-up arrives."""

from urllib.parse import quote

import httpx

from bot.cli.finding import Finding, bad, good, warning
from bot.http.client import Exchange
from bot.web.wake import PATH

_SUBJECT = "monitor.public_url"
_PASSES_ON = f"does the reverse proxy pass {PATH} on to monitor.listen?"


def wake(exchange: Exchange, public_url: str, token: str) -> Finding:
    """Send a wake-up, as Chanjing would, and say what came back; the token is in no text.

    It is a warning if the bot may just not be running: `check` is asked before the first start too.
    """
    try:
        status = exchange.send(f"{public_url}{PATH}{quote(token, safe='')}", headers={}, content=b"").status
    except httpx.RequestError as error:
        return warning(_SUBJECT, f"{error}. Is the bot running, and {_PASSES_ON}")
    match status:
        case 204:
            return good(_SUBJECT, "a wake-up reaches the bot")
        case 404:
            text = "the bot there has another token, or it is not running. Restart it after a change"
            return warning(_SUBJECT, f"HTTP 404: {text}; and {_PASSES_ON}")
        case 502 | 503 | 504:
            text = "the reverse proxy does not reach the bot, or only one that stands by. Is it running"
            return warning(_SUBJECT, f"HTTP {status}: {text}, and {_PASSES_ON}")
        case 401 | 403:
            text = f"something before the bot asks for a login. Let {PATH} through: its token is enough"
        case 301 | 302 | 303 | 307 | 308:
            text = "a redirect, which Chanjing may not follow. Set the address that it leads to"
        case _:
            text = "this is not the bot's answer. Check the address"
    return bad(_SUBJECT, f"HTTP {status}: {text}.")
