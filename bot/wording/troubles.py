"""Pure: what the bot says about trouble of its own, and what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bot.wording.phrases import Phrase

_OVER = Phrase("The bot's problem is solved", "机器人的问题已经解决")


@dataclass(frozen=True, slots=True)
class TroubleWords:
    """One kind of the bot's own trouble. `over` says that it is past. `names_a_task`: the detail is a task's id."""

    title: Phrase
    sentence: Phrase
    remedy: Phrase
    over: Phrase = _OVER
    names_a_task: bool = False


TROUBLES: Mapping[str, TroubleWords] = MappingProxyType(
    {
        "chanjing_unreachable": TroubleWords(
            Phrase("Chanjing cannot be reached", "无法连接蝉镜"),
            Phrase(
                "The bot cannot see which videos are ready. None will be missed: it catches up once Chanjing responds.",
                "机器人暂时无法得知哪些视频已经生成。不会遗漏：蝉镜恢复响应后会补发通知。",
            ),
            Phrase(
                "This often passes by itself. If it lasts, check the network and the proxy of the bot's machine; "
                "`lipsync-bot status` shows the error.",
                "通常会自行恢复。如果持续出现，请检查机器人所在机器的网络和代理设置；"
                "用 `lipsync-bot status` 可以看到具体的错误。",
            ),
            Phrase("Chanjing can be reached again", "蝉镜已恢复连接"),
        ),
        "chanjing_refused": TroubleWords(
            Phrase("Chanjing refuses the bot's access token", "蝉镜拒绝了机器人的令牌"),
            Phrase(
                "The bot cannot see which videos are ready until it has a valid token. None will be missed.",
                "在换上有效的令牌之前，机器人无法得知哪些视频已经生成。不会遗漏任何视频。",
            ),
            Phrase(
                "Give the bot a new token. A token becomes invalid when another program requests one with the same "
                "app_id: look for such a program first. Also check that the app is not disabled in Chanjing.",
                "请为机器人换上新的令牌（access_token）。其他程序用同一个 app_id 获取新令牌后，旧令牌就会失效，"
                "请先排查这类程序；另请确认该应用在蝉镜没有被停用。",
            ),
            Phrase("Chanjing accepts the bot's access token again", "蝉镜已重新接受机器人的令牌"),
        ),
        "slack_refused": TroubleWords(
            Phrase("Slack refuses the bot's messages", "Slack 拒绝了机器人的消息"),
            Phrase(
                "Messages are waiting. None will be lost: they are posted as soon as Slack accepts them.",
                "有消息正在等待发送。不会遗漏：Slack 恢复接收后会依次发出。",
            ),
            Phrase(
                "Run `lipsync-bot check` on the bot's machine: it tests the token, the scopes and the channels, "
                "and says what to do.",
                "请在机器人所在的机器上运行 `lipsync-bot check`：它会检查令牌、权限和频道，并说明如何修复。",
            ),
            Phrase("Slack accepts the bot's messages again", "Slack 已恢复接收机器人的消息"),
        ),
        "task_stuck": TroubleWords(
            Phrase("A video is taking unusually long", "有视频长时间没有生成完毕"),
            Phrase("Chanjing still reports the task as unfinished.", "蝉镜仍显示该任务没有结束。"),
            Phrase(
                "Look at the task in the Chanjing console. The bot keeps watching it and will announce when it ends.",
                "请到蝉镜控制台查看该任务。机器人会继续关注，并在任务结束时通知。",
            ),
            Phrase("The video is no longer stuck", "长时间没有生成完毕的视频已有进展"),
            names_a_task=True,
        ),
        "task_vanished": TroubleWords(
            Phrase("A task has disappeared from Chanjing's list", "有任务从蝉镜的列表中消失"),
            Phrase("It was not finished when the bot last saw it.", "机器人最后一次看到它时，它还没有结束。"),
            Phrase(
                "If nobody deleted it, look for it in the Chanjing console or send its id to Chanjing's support. "
                "If it reappears, it will be announced as usual.",
                "如果没有人删除它，请到蝉镜控制台查找，或把任务 ID 发给蝉镜客服。任务重新出现后会照常通知。",
            ),
            names_a_task=True,
        ),
        "foreign_state": TroubleWords(
            Phrase("The bot's state belongs to another account", "机器人的状态文件属于另一个账号"),
            Phrase(
                "Chanjing lists tasks, but none of those that the bot knows, so the bot announces nothing.",
                "蝉镜列出了任务，但其中没有一个是机器人记录过的，因此暂停通知。",
            ),
            Phrase(
                "Check that the token belongs to the right account. If the account was changed on purpose, "
                "set `state.path` to a new file.",
                "请确认令牌属于正确的账号。如果是有意更换账号，请把 `state.path` 设为一个新文件。",
            ),
            Phrase("The bot's state matches the account again", "机器人的状态文件与账号已相符"),
        ),
        "page_size_refused": TroubleWords(
            Phrase("Chanjing refuses large pages", "蝉镜拒绝了较大的分页"),
            Phrase(
                "The bot now reads 10 tasks per page. It misses nothing, but needs a few more requests.",
                "机器人已改为每页读取 10 个任务。不会遗漏，只是请求次数稍多。",
            ),
            Phrase("Set `chanjing.page_size` to 10.", "请把 `chanjing.page_size` 设为 10。"),
        ),
        "archive_failing": TroubleWords(
            Phrase("The archive takes no files", "无法写入归档"),
            Phrase(
                "New videos are announced, but not copied. The bot catches up if that works again within a day.",
                "新视频照常通知，但没有复制到归档。一天之内恢复后会补上。",
            ),
            Phrase(
                "Free some space, and check that the bot may write to `archive.path`. "
                "`lipsync-bot status` shows the error.",
                "请清理磁盘空间，并确认机器人可以写入 `archive.path`；用 `lipsync-bot status` 可以看到具体的错误。",
            ),
            Phrase("The archive takes files again", "归档已恢复写入"),
        ),
        "archive_given_up": TroubleWords(
            Phrase("A video could not be archived", "有视频未能归档"),
            Phrase(
                "It will be lost when Chanjing's links expire, unless somebody saves it.",
                "蝉镜的链接过期后将无法再观看，除非有人另行保存。",
            ),
            Phrase(
                "Download it by hand while its links work. `lipsync-bot explain` with its id shows the error.",
                "请趁链接有效时手动下载。用 `lipsync-bot explain` 加任务 ID 可以看到具体的错误。",
            ),
            names_a_task=True,
        ),
        "unknown_status": TroubleWords(
            Phrase("Chanjing reports a status that the bot does not know", "蝉镜返回了机器人不认识的任务状态"),
            Phrase(
                "The bot keeps watching the task and will announce when it is ready or has failed.",
                "机器人会继续关注该任务，在它成功或失败时通知。",
            ),
            Phrase(
                "Look at the task in the Chanjing console, and check whether there is a newer version of the bot.",
                "请到蝉镜控制台查看该任务，并查看机器人是否有新版本。",
            ),
        ),
        "malformed_items": TroubleWords(
            Phrase("Part of Chanjing's list cannot be read", "蝉镜的列表中有无法读取的内容"),
            Phrase(
                "The bot uses the rest, but cannot announce a video whose entry it cannot read.",
                "其余内容照常使用；但无法读取的条目对应的视频不能通知。",
            ),
            Phrase(
                "Look for `answer_odd` in the bot's log, and check whether there is a newer version of the bot.",
                "请在机器人的日志中查找 `answer_odd`，并查看机器人是否有新版本。",
            ),
        ),
    }
)
UNKNOWN_TROUBLE = TroubleWords(
    Phrase("The bot has a problem", "机器人遇到了问题"),
    Phrase("It keeps working as well as it can.", "机器人会尽力继续工作。"),
    Phrase("Look at the bot's log.", "请查看机器人的日志。"),
)


def words_for(code: str) -> TroubleWords:
    """Return the words for a code of `domain.trouble.CODES`, and general ones for a code that nobody has worded yet."""
    return TROUBLES.get(code, UNKNOWN_TROUBLE)
