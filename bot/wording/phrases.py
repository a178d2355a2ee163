"""Pure: every sentence of the bot's messages, in each language side by side: plain text with named places.

A further language is a name in `bot.language` and a field of `Phrase`; the tests name every sentence that lacks it.
Why a task failed is in `reasons`, the bot's own trouble in `troubles`, and what Slack refuses in `slack_remedies`.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

from bot.language import Language


@dataclass(frozen=True, slots=True)
class Phrase:
    """One sentence in each language, with the same `{places}`. `one` is the English for exactly one `{n}`."""

    en: str
    zh: str
    one: str | None = None

    def say(self, language: Language, **values: object) -> str:
        """Return the sentence with its places filled in."""
        return self.template(language, values.get("n")).format(**values)

    def template(self, language: Language, n: object = None) -> str:
        """Return the sentence with its places still in it, as it is said of *n*."""
        if language == "en" and n == 1 and self.one is not None:
            return self.one
        sentence: str = getattr(self, language)
        return sentence


# A video
READY = Phrase("Lip-sync video ready", "数字人对口型视频已生成")
FAILED = Phrase("Lip-sync video failed", "数字人对口型视频生成失败")
WATCH = Phrase("Watch the video", "观看视频")
COVER = Phrase("Cover", "封面")
COVER_ALT = Phrase("Cover picture of the lip-sync video", "数字人对口型视频的封面图")
LENGTH = Phrase("Length", "视频时长")
CREATED = Phrase("Created", "创建时间")
READY_AFTER = Phrase("Ready after", "生成用时")
TASK = Phrase("Task {id}", "任务 {id}")
EXPIRES = Phrase(
    "Links expire after a while, and anyone who has one can watch.",
    "链接过一段时间会失效；拿到链接的人都可以观看。",
)
NO_LINK = Phrase(
    "Chanjing gave no link to the video. Look for the task in the Chanjing console.",
    "蝉镜没有给出视频链接，请到蝉镜控制台查看该任务。",
)
BAD_LINK = Phrase(
    "Chanjing's link to the video cannot be shown here. Look for the task in the Chanjing console.",
    "蝉镜给出的视频链接无法在此显示，请到蝉镜控制台查看该任务。",
)
CHANJING_SAYS = Phrase("Chanjing says: “{reason}”", "蝉镜原文：“{reason}”")
WHAT_TO_DO = Phrase("What to do:", "处理建议：")

# Several videos at once
MANY_READY = Phrase("{n} lip-sync videos are ready", "{n} 个数字人对口型视频已生成", "1 lip-sync video is ready")
MANY_FAILED = Phrase("{n} lip-sync videos failed", "{n} 个数字人对口型视频生成失败", "1 lip-sync video failed")
WITHOUT_LINK = Phrase("no link", "无链接")
AWAY = Phrase(
    "The bot was away from {start} to {end} and is catching up.",
    "机器人在 {start} 至 {end} 期间离线，现补发通知。",
)

# What is being made now
BOARD = Phrase("{n} lip-sync videos rendering", "{n} 个数字人对口型视频正在生成", "1 lip-sync video rendering")
BOARD_CLOSED = Phrase("This board is no longer updated", "这个看板已停止更新")
BOARD_EMPTY = Phrase("Nothing is rendering", "当前没有正在生成的视频")
QUEUED = Phrase("queued", "排队中")
ELAPSED = Phrase("{time} elapsed", "已用 {time}")
AND_MORE = Phrase("… and {n} more", "……另有 {n} 个")
UPDATED = Phrase("Updated {time}", "更新于 {time}")
ACCOUNT = Phrase("Account: {name}", "账号：{name}")

# The first words
GREETING = Phrase("lipsync-bot is watching", "lipsync-bot 已开始工作")
GREETING_PURPOSE = Phrase(
    "The bot posts a message when a lip-sync video of this Chanjing account is ready or has failed.",
    "本账号的数字人对口型视频生成成功或失败时，机器人会发出通知。",
)
GREETING_WATCHING = Phrase(
    "{n} videos are rendering now: the bot is watching them.",
    "当前有 {n} 个视频正在生成，机器人正在关注。",
    "1 video is rendering now: the bot is watching it.",
)
GREETING_IDLE = Phrase("Nothing is rendering now.", "当前没有正在生成的视频。")
GREETING_BASELINED = Phrase(
    "{n} tasks had finished before the bot started. They are recorded and will not be announced.",
    "另有 {n} 个任务在机器人启动前已经结束，只作记录，不会通知。",
    "1 task had finished before the bot started. It is recorded and will not be announced.",
)
GREETING_ANNOUNCING = Phrase(
    "{n} recently finished tasks will be announced next.",
    "接下来会通知 {n} 个最近结束的任务。",
    "1 recently finished task will be announced next.",
)

# The bot's own trouble
SINCE = Phrase("Since {time}", "开始于 {time}")
LASTED = Phrase("It lasted {duration}, starting {time}.", "开始于 {time}，持续了 {duration}。")
CHANNEL = Phrase("Channel: {channels}", "频道：{channels}")

# A day
DAY = Phrase("Lip-sync videos on {day}", "{day} 数字人对口型视频日报")
DAY_QUIET = Phrase("A quiet day: no video was finished.", "这一天没有视频生成完毕。")
DAY_MEDIAN = Phrase("Median time", "用时中位数")
DAY_SLOWEST = Phrase("Slowest", "最长用时")
DAY_COUNTS = Phrase(
    "{succeeded} ready, {failed} failed, {rendering} still rendering.",
    "成功 {succeeded} 个，失败 {failed} 个，仍在生成 {rendering} 个。",
)
DAY_OTHER_REASONS = Phrase("other reasons", "其他原因")

# The test message
TEST = Phrase("This is a test of lipsync-bot", "这是 lipsync-bot 的测试消息")
TEST_MEANING = Phrase(
    "If you can read this, the bot's messages arrive in this channel. Nothing has happened to any video.",
    "如果你能看到这条消息，说明机器人的通知可以送达本频道。没有任何视频发生变化。",
)

_UNITS = (
    (86_400, Phrase("{n} d", "{n} 天")),
    (3_600, Phrase("{n} h", "{n} 小时")),
    (60, Phrase("{n} min", "{n} 分钟")),
    (1, Phrase("{n} s", "{n} 秒")),
)
_TENTHS_BELOW = 10  # seconds


def duration(seconds: float, language: Language) -> str:
    """Return a length of time as people write it, in at most two units: `0.8 s`, `42 s`, `1 min 5 s`, `2 h 10 min`."""
    tenths = round(max(seconds, 0.1), 1)
    if tenths < _TENTHS_BELOW:
        return _UNITS[-1][1].say(language, n=f"{tenths:g}")
    # Halves go up, as on a stopwatch; round() would take them to the even neighbour.
    left = math.floor(seconds + 0.5)
    for (size, phrase), (smaller, smaller_phrase) in pairwise(_UNITS):
        if left >= size:
            count, rest = left // size, left % size // smaller
            parts = [phrase.say(language, n=count), *([smaller_phrase.say(language, n=rest)] if rest else [])]
            return " ".join(parts)
    return _UNITS[-1][1].say(language, n=left)
