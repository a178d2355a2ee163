"""Pure: what the demo says itself, in each language."""

from collections.abc import Sequence

from bot.language import Language
from bot.wording.phrases import Phrase

INTRODUCTION = Phrase(
    "A built-in Chanjing and a built-in Slack are running on this machine. Three videos are already finished; more "
    "will follow, first one by one, then many at once, and the real bot watches them. When one ends, Chanjing calls "
    "the bot.",
    "本机上运行着一个模拟的蝉镜和一个模拟的 Slack。已有三个视频生成完毕；"
    "接下来会逐个生成几个视频，再同时生成一批，由真正的机器人负责通知。每个任务一结束，蝉镜就回调机器人。",
)
FIGURES = Phrase(
    "{ended} tasks ended in {seconds} s: {succeeded} succeeded, {failed} failed. "
    "{messages} messages, greeting included, and a board; {requests} requests to Chanjing.",
    "{seconds} 秒内有 {ended} 个任务结束：成功 {succeeded} 个，失败 {failed} 个。"
    "共发出 {messages} 条消息（含启动消息）和一个看板，向蝉镜请求 {requests} 次。",
)
ONCE = Phrase("Each task was announced exactly once.", "每个任务都恰好通知了一次。")
NOT_ONCE = Phrase("Times each task was announced: {times}.", "每个任务的通知次数：{times}。")
LOOK = Phrase("Look at it in a browser: {address}", "请在浏览器中观看：{address}")
STAYS = Phrase(
    "The page stays up until you press Enter: {address}",
    "页面会一直保留，按回车键结束：{address}",
)
NEXT = Phrase("For your own account, see “Set it up” in the README.", "要用于自己的账号，请看 README 的“部署”一节。")


def sum_up(
    times: Sequence[int], failed: int, seconds: int, messages: int, requests: int, language: Language
) -> tuple[str, str]:
    """Return what happened, and whether that was right: tasks were announced so many *times* each, *failed* of them."""
    figures = FIGURES.say(
        language,
        ended=len(times),
        seconds=seconds,
        succeeded=len(times) - failed,
        failed=failed,
        messages=messages,
        requests=requests,
    )
    good = all(count == 1 for count in times)
    return figures, ONCE.say(language) if good else NOT_ONCE.say(language, times=times)
