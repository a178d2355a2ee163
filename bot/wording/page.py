"""Pure: every sentence of the page that the monitor serves, in each language."""

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

from bot.language import Language
from bot.wording.phrases import Phrase

TITLE = Phrase("Lip-sync videos", "数字人对口型视频")

# How the bot is
WELL = Phrase("All is well", "一切正常")
UNWELL = Phrase("{n} problems", "{n} 个问题", "1 problem")
IDLE = Phrase("Standing by", "待命中")
STARTING = Phrase("Starting", "正在启动")
LAST_READ = Phrase("Chanjing's list was read at {time}", "{time} 读取了蝉镜的列表")
NEVER_READ = Phrase("Chanjing's list has not been read yet", "尚未读取蝉镜的列表")
DELIVERED = Phrase("{n} messages posted", "已发出 {n} 条通知", "1 message posted")
STANDS_BY = Phrase(
    "Another copy of the bot does the work; this one takes over when it ends.",
    "另一个机器人进程正在工作；它结束后由本进程接替。",
)

READY_TODAY = Phrase("Ready today", "今天已生成")
FAILED_TODAY = Phrase("Failed today", "今天失败")

# Searching
FIND = Phrase("Find a task", "查找任务")
FIND_HINT = Phrase("Task id, or how it begins", "任务 ID 或开头几位")
FIND_DO = Phrase("Find", "查找")
FOUND = Phrase("{n} tasks found", "找到 {n} 个任务", "1 task found")
FOUND_NONE = Phrase("No task whose id begins with {id}", "没有 ID 以 {id} 开头的任务")
FOUND_NONE_WHY = Phrase(
    "The bot does not know it. Check the id; a new task is known here within a minute of its creation.",
    "机器人不认识这个任务，请核对 ID。新任务创建后一分钟内会出现在这里。",
)
BACK = Phrase("Back to all videos", "返回全部视频")
KNOWN_READY = Phrase(
    "It is ready. Its links are no longer kept here: look for the task in the Chanjing console.",
    "视频已生成。这里不再保存它的链接，请到蝉镜控制台查看该任务。",
)
KNOWN_FAILED = Phrase(
    "It failed. Why is no longer kept here: look at the task in the Chanjing console.",
    "视频生成失败。这里不再保存失败的原因，请到蝉镜控制台查看该任务。",
)
VANISHED = Phrase(
    "It disappeared from Chanjing's list before it had ended.",
    "任务在结束之前从蝉镜的列表中消失了。",
)

# Tasks
RENDERING = Phrase("Rendering now", "正在生成")
LATEST = Phrase("Latest videos", "最近的视频")
NOTHING_YET = Phrase(
    "No video has ended while the bot was watching. The next one appears here.",
    "机器人开始关注以来，还没有视频结束。下一个结束的视频会出现在这里。",
)
READY = Phrase("Ready", "已生成")
FAILED = Phrase("Failed", "失败")
TOOK = Phrase("ready after {time}", "生成用时 {time}")
FAILED_AFTER = Phrase("failed after {time}", "{time} 后失败")
LENGTH = Phrase("length {time}", "时长 {time}")

# Messages that have not been posted yet
OWED = Phrase("Waiting to be posted", "待发送的通知")
OWED_SINCE = Phrase("waiting for {time}", "已等待 {time}")
OWED_GREETING = Phrase("The greeting", "启动消息")
OWED_SUMMARY = Phrase("The daily summary", "日报")
OWED_TROUBLE = Phrase("A problem of the bot", "机器人自身的问题")
OWED_TEST = Phrase("A test message", "测试消息")
OWED_NEXT = Phrase("It is about to be posted.", "即将发出。")
OWED_DOUBT = Phrase(
    "It may have been posted: the bot is looking for it in the channel before it posts again.",
    "可能已经发出：机器人会先在频道中查找，找不到再重新发送。",
)
OWED_ERROR = Phrase("Slack did not accept it: {error}", "Slack 没有接受：{error}")

# The last days
DAYS = Phrase("Last 14 days", "最近 14 天")
DAY = Phrase("Day", "日期")
MEDIAN = Phrase("Median", "用时中位数")
TODAY = Phrase("Today", "今天")
YESTERDAY = Phrase("Yesterday", "昨天")

# The accounts
ACCOUNTS = Phrase("The bot", "机器人")
TIMES_ARE_IN = Phrase("Times are in {zone}.", "时间为 {zone}。")

# What /readyz calls by its code, where no trouble of the bot's has words for it: title, sentence, remedy
REASONS: Mapping[str, tuple[Phrase, Phrase, Phrase]] = MappingProxyType(
    {
        "polls_failing": (
            Phrase("The bot does not read Chanjing's list", "机器人没有读取蝉镜的列表"),
            Phrase(
                "What is shown here is out of date. No video will be missed.", "这里显示的内容已过时。不会遗漏视频。"
            ),
            Phrase(
                "Look at the bot's log. If it says nothing new, restart the bot.",
                "请查看机器人的日志；如果没有新内容，请重启机器人。",
            ),
        ),
        "notices_overdue": (
            Phrase("Messages to Slack are overdue", "发往 Slack 的通知已延误"),
            Phrase(
                "Some have been waiting for more than ten minutes. None will be lost.",
                "有通知已等待十分钟以上。不会遗漏。",
            ),
            Phrase(
                "Run `lipsync-bot check` on the bot's machine: it says what keeps Slack from taking them.",
                "请在机器人所在的机器上运行 `lipsync-bot check`，它会说明 Slack 不接受通知的原因。",
            ),
        ),
        "state_unavailable": (
            Phrase("The account does not run", "该账号没有运行"),
            Phrase(
                "Its videos are not watched for now. The bot tries again every half minute.",
                "目前没有关注它的视频。机器人每半分钟重试一次。",
            ),
            Phrase(
                "Do what the message below says; the bot goes on by itself.",
                "请按下面的提示处理，之后机器人会自行恢复。",
            ),
        ),
    }
)

# Who may see it. These are not in the user's language only: nobody knows whose it is.
CLOSED = (
    "The page is shown to this machine only, as monitor.password is not set. To see it from elsewhere, set "
    "monitor.password (or monitor.password_file).\n"
)
PASSWORD = "The page asks for the value of monitor.password; any user name will do.\n"  # noqa: S105 - not a password

_WEEKDAYS = ("Mon 一", "Tue 二", "Wed 三", "Thu 四", "Fri 五", "Sat 六", "Sun 日")
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def day(when: date, language: Language) -> str:
    """Return a day as people write it: `Tue 24 Nov`, `11月24日 周二`."""
    english, chinese = _WEEKDAYS[when.weekday()].split()
    if language == "zh":
        return f"{when.month}月{when.day}日 周{chinese}"
    return f"{english} {when.day} {_MONTHS[when.month - 1]}"
