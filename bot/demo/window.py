"""What a browser shows of the demo: the bot's page and the Slack channel side by side, and a cover for each video."""

import contextlib
import html
import time
import zlib
from collections.abc import Callable, Sequence
from datetime import datetime
from http import HTTPStatus

import httpx

from bot.demo import channel
from bot.demo.server import Answer, Call, LoopbackServer, text_answer
from bot.demo.slack import Message
from bot.language import Language
from bot.wording.phrases import Phrase

_NO_VIDEO = Phrase("In the demo there is no video to watch.", "演示中没有可以观看的视频。")
_CHANNEL = Phrase("The demo's Slack channel", "演示用的 Slack 频道")
_PAGE = Phrase("The bot's page", "机器人的页面")
_EVERY = 2  # seconds between two looks
_TRIES, _PAUSE = 100, 0.1  # to get the bot's page, and seconds between two
_HEADERS = ("content-type", "content-security-policy", "refresh")
_FRAMES = """<!DOCTYPE html>
<html lang="{lang}"><meta charset="utf-8"><title>lipsync-bot</title><link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width"><style>
body {{ margin: 0; display: flex; height: 100vh; }} iframe {{ border: 0; flex: 3; }}
iframe + iframe {{ flex: 2; max-width: 560px; border-left: 1px solid #8884; }}
@media (max-width: 800px) {{ body {{ display: block; }} iframe {{ width: 100%; height: 60vh; }} }}
</style><iframe src="/" title="{page}"></iframe><iframe src="/channel" title="{channel}"></iframe></html>"""
_WALL = """<!DOCTYPE html>
<html lang="{lang}"><meta charset="utf-8"><title>{title}</title><link rel="icon" href="data:,"><style>{css}
body {{ padding: 16px 20px; }} h1 {{ font-size: 18px; margin-bottom: 16px; }} .message {{ padding: 8px 0; }}
</style><h1># lip-sync</h1>{messages}</html>"""


class Window(LoopbackServer):
    """Shows at /demo the bot's page, which is at *page*, beside what *messages* returns, newest first."""

    def __init__(self, page: str, messages: Callable[[], Sequence[Message]], language: Language) -> None:
        self._page = page
        self._messages = messages
        self._language: Language = language
        # Unix seconds less monotonic ones.
        self._epoch = time.time() - time.monotonic()
        super().__init__()
        self.address = f"{self.url}/demo"

    def links(self, task_id: str) -> dict[str, str]:
        """Return the links of a video as Chanjing would give them."""
        return {"video_url": f"{self.url}/{task_id}.mp4", "preview_url": f"{self.url}/{task_id}.jpg"}

    def answer(self, call: Call) -> Answer:
        match call.path:
            case "/demo":
                return self._document(_FRAMES, page=_PAGE, channel=_CHANNEL)
            case "/channel":
                answer = self._document(_WALL, title=_CHANNEL, css=channel.CSS, messages=self._wall())
                return answer._replace(headers={**answer.headers, "Refresh": str(_EVERY)})
            case "/":
                return self._bots_page(call)
            case path if path.endswith(".jpg"):
                picture = channel.cover(zlib.crc32(path.encode())).encode()
                return Answer(HTTPStatus.OK, {"Content-Type": "image/svg+xml"}, picture)
            case path if path.endswith(".mp4"):
                return text_answer(_NO_VIDEO.say(self._language))
        return super().answer(call)

    def _bots_page(self, call: Call) -> Answer:
        """Return the bot's page as it is, but that it may stand in a frame of ours."""
        got = self._fetch(call.query)
        if got is None:
            return text_answer("", HTTPStatus.BAD_GATEWAY)
        headers = {name: got.headers[name] for name in _HEADERS if name in got.headers}
        policy = headers["content-security-policy"].replace("frame-ancestors 'none'", "frame-ancestors 'self'")
        refresh = {"refresh": str(_EVERY)} if "refresh" in headers else {}
        return Answer(got.status_code, {**headers, "content-security-policy": policy, **refresh}, got.content)

    def _fetch(self, query: str) -> httpx.Response | None:
        """Return the bot's page, for which somebody may ask before the bot has begun to serve it."""
        for _ in range(_TRIES):
            with contextlib.suppress(httpx.TransportError):
                return httpx.get(self._page, params=query, trust_env=False)
            if self.closing.wait(_PAUSE):
                break
        return None

    def _wall(self) -> str:
        messages = [
            channel.message(one.blocks, f"{datetime.fromtimestamp(self._epoch + one.at):%H:%M}", _picture)  # noqa: DTZ006
            for one in reversed(self._messages())
        ]
        return "".join(messages)

    def _document(self, template: str, **values: str | Phrase) -> Answer:
        said = {name: one.say(self._language) if isinstance(one, Phrase) else one for name, one in values.items()}
        document = template.format(lang="zh-CN" if self._language == "zh" else "en", **said)
        return Answer(HTTPStatus.OK, {"Content-Type": "text/html; charset=utf-8"}, document.encode())


def _picture(url: str) -> str:
    return f'<img src="{html.escape(url)}" alt="" width="360" height="202">'
