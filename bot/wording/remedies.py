"""Pure: what went wrong and what to do about it: Chanjing's failure reasons, and the bot's own trouble."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bot.wording.phrases import Phrase


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a task failed. `marks` are pieces of Chanjing's sentence, any of which tells it, without punctuation."""

    marks: tuple[str, ...]
    sentence: Phrase
    remedy: Phrase


_OVER = Phrase("The bot's problem is solved", "机器人的问题已经解决")


@dataclass(frozen=True, slots=True)
class TroubleWords:
    """One kind of the bot's own trouble. `over` says that it is past. `names_a_task`: the detail is a task's id."""

    title: Phrase
    sentence: Phrase
    remedy: Phrase
    over: Phrase = _OVER
    names_a_task: bool = False


_FREE = "不消耗蝉豆"  # nothing was charged
# Public clients and samples show these sentences; the first that matches counts, so the particular stand first.
REASONS = (
    Reason(
        ("蝉豆不足", "余额不足", "扣费失败", "蝉豆余额", "欠费"),
        Phrase("The Chanjing account has run out of credit (蝉豆).", "蝉镜账户的蝉豆不足。"),
        Phrase(
            "Top up the account, then create the video again. Other videos fail the same way until then.",
            "请先为账户充值蝉豆，再重新创建视频；充值之前，其他视频也会失败。",
        ),
    ),
    Reason(
        ("没有人声", "未检测到人声", "无人声"),
        Phrase("Chanjing hears no voice in the audio.", "音频中没有检测到人声。"),
        Phrase(
            "Check that the audio contains clear speech and is mono (one channel), then create the video again.",
            "请确认音频中有清晰的人声，并且是单声道，然后重新创建视频。",
        ),
    ),
    Reason(
        ("不支持的音频格式", "音频格式不支持", "不支持的视频格式", "视频格式不支持", "不支持的格式", "格式不支持"),
        Phrase("Chanjing does not support the format of the file.", "文件格式不受支持。"),
        Phrase(
            "Convert the file to a format that Chanjing accepts, such as MP3 or WAV for audio and MP4 for video.",
            "请转换成蝉镜支持的格式（例如音频用 MP3 或 WAV，视频用 MP4），然后重新创建视频。",
        ),
    ),
    Reason(
        ("上传背景", "背景文件失败"),
        Phrase("Chanjing could not upload the background.", "背景文件上传失败。"),
        Phrase(
            "Check that the background file opens and can be reached from the internet, then create the video again.",
            "请确认背景文件能正常打开、地址能从外网访问，然后重新创建视频。",
        ),
    ),
    Reason(
        ("检查网络", "网络异常", "网络错误"),
        Phrase("A network problem made the task fail.", "任务因网络问题失败。"),
        Phrase(
            "Check that the audio and the video can be reached from the internet, then create the video again.",
            "请确认音频和视频的地址能从外网访问，然后重新创建视频。",
        ),
    ),
    Reason(
        ("至少输入", "1s以上"),
        Phrase("The text or the audio is too short.", "文本或音频太短。"),
        Phrase(
            "Provide at least one second of speech, then create the video again.",
            "请提供至少 1 秒的内容，然后重新创建视频。",
        ),
    ),
    Reason(
        ("不支持该语种", "语种不支持", "不支持的语种"),
        Phrase("Chanjing does not support the language.", "蝉镜暂不支持该语种。"),
        Phrase(
            "Use a text or a voice in a language that Chanjing supports, then create the video again.",
            "请换用蝉镜支持的语种，然后重新创建视频。",
        ),
    ),
    Reason(
        (_FREE,),
        Phrase("Chanjing could not make the video, and did not charge for it.", "蝉镜未能生成视频，本次没有扣除蝉豆。"),
        Phrase("Create the video again; this attempt cost nothing.", "请重新创建视频；这一次没有产生费用。"),
    ),
    Reason(
        ("请重试", "任务失败"),
        Phrase("Chanjing could not make the video this time.", "蝉镜这一次未能生成视频。"),
        Phrase(
            "Create the video again. If it keeps failing, send the task id to Chanjing's support.",
            "请重新创建视频；如果一直失败，请把任务 ID 发给蝉镜客服。",
        ),
    ),
)
OTHER_REMEDY = Phrase(
    "Look at the task in the Chanjing console. If the cause is not clear, send the task id to Chanjing's support.",
    "请到蝉镜控制台查看该任务；如果原因不明，请把任务 ID 发给蝉镜客服。",
)
NO_REASON = Reason((), Phrase("Chanjing gave no reason.", "蝉镜没有说明原因。"), OTHER_REMEDY)
# In whatever words that is said: what stands there of the balance does not mean that it is empty.
_NOT_CHARGED = re.compile(
    r"(?:不|未|没有)(?:会)?(?:消耗|扣除|扣减|扣)(?:您的|任何)*(?:蝉豆|余额|费用|费)+|(?:蝉豆|余额|费用)+已(?:经|全额)*(?:退还|退回|返还)"
)


def reason_for(message: str) -> Reason | None:
    """Return what Chanjing's sentence means, NO_REASON for an empty one, None for one that is not known."""
    letters = _NOT_CHARGED.sub(_FREE, _letters(message))
    if not letters:
        return NO_REASON
    return next((reason for reason in REASONS if any(mark in letters for mark in reason.marks)), None)


def _letters(text: str) -> str:
    """Return *text* without punctuation, white space, case and width: Chanjing's commas vary."""
    return "".join(char for char in unicodedata.normalize("NFKC", text).casefold() if char.isalnum())


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


TOKEN_REFUSALS = ("invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired")
_TOKEN = Phrase(
    "Slack does not accept the bot's token. Copy the Bot User OAuth Token (`xoxb-…`) from the app's page "
    "OAuth &amp; Permissions to `slack.bot_token`, or to the file that `slack.bot_token_file` names.",
    "Slack 不接受机器人的令牌。请从应用的 OAuth &amp; Permissions 页面重新复制 Bot User OAuth Token（`xoxb-…`），填到 "
    "`slack.bot_token` 或 `slack.bot_token_file` 指定的文件中。",
)
_WEBHOOK = Phrase(
    "This webhook does not exist or has been removed. Create a new one and set `slack.webhook_url` (or its file).",
    "这个 webhook 不存在，或已被删除。请新建一个，并更新 `slack.webhook_url`（或它的文件）。",
)
_ARCHIVED = Phrase(
    "The channel is archived. Unarchive it, or choose another channel.",
    "该频道已归档。请取消归档，或换一个频道。",
)
_CLOSED = Phrase(
    "A workspace rule prevents the bot from posting there. Ask an administrator, or choose another channel.",
    "工作区的规则不允许机器人在该频道发消息。请联系管理员，或换一个频道。",
)
_WORKSPACE = Phrase(
    "An administrator has to grant the app access to this workspace.",
    "需要管理员授权该应用访问这个工作区。",
)
# Slack's words for what somebody has to mend. The text is Slack's markup.
# https://docs.slack.dev/reference/methods/chat.postMessage#errors
# https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors
SLACK_REMEDIES: Mapping[str, Phrase] = MappingProxyType(
    {
        **dict.fromkeys((*TOKEN_REFUSALS, "not_allowed_token_type"), _TOKEN),
        **dict.fromkeys(("invalid_token", "no_service", "no_active_hooks", "no_team", "team_disabled"), _WEBHOOK),
        **dict.fromkeys(("is_archived", "channel_is_archived"), _ARCHIVED),
        **dict.fromkeys(
            (
                "restricted_action",
                "ekm_access_denied",
                "access_denied",
                "no_permission",
                "action_prohibited",
                "posting_to_general_channel_denied",
            ),
            _CLOSED,
        ),
        **dict.fromkeys(("team_access_not_granted", "enterprise_is_restricted", "org_login_required"), _WORKSPACE),
        "team_added_to_org": Phrase(
            "The workspace is being moved to an Enterprise organization. The bot tries again until that is done.",
            "该工作区正在迁入企业组织。机器人会一直重试，直到迁移完成。",
        ),
        "two_factor_setup_required": Phrase(
            "The workspace requires two-factor authentication of whoever installed the app. Set it up in Slack.",
            "该工作区要求安装应用的人启用双重验证，请在 Slack 中设置。",
        ),
        "missing_scope": Phrase(
            "The Slack app lacks a permission. Under OAuth &amp; Permissions, give it the bot scopes of "
            "slack-app-manifest.yaml, then reinstall the app.",
            "Slack 应用缺少权限。请在 OAuth &amp; Permissions 页面添加 slack-app-manifest.yaml 中的全部 bot scope，"
            "然后重新安装应用。",
        ),
        "not_in_channel": Phrase(
            "The bot is not in the channel. In the channel, write: `/invite @lipsync-bot`",
            "机器人不在该频道中。请在该频道输入：`/invite @lipsync-bot`",
        ),
        "channel_not_found": Phrase(
            "Slack cannot find the channel. Check the channel id; if the channel is private, first write "
            "`/invite @lipsync-bot` in it. If you use a webhook, create a new one.",
            "Slack 找不到该频道。请核对频道 ID；如果是私有频道，请先在其中输入 `/invite @lipsync-bot`。"
            "如果用的是 webhook，请新建一个。",
        ),
    }
)


def slack_remedy(error: str) -> Phrase | None:
    """Return what to do about the first of Slack's words that stands in *error*, or None where none is known."""
    return next((remedy for word, remedy in SLACK_REMEDIES.items() if word in error), None)


def words_for(code: str) -> TroubleWords:
    """Return the words for a code of `bot.trouble`, and general ones for a code that nobody has worded yet."""
    return TROUBLES.get(code, UNKNOWN_TROUBLE)
