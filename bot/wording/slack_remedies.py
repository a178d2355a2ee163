"""Pure: what to do when Slack refuses, by Slack's own word for why."""

from collections.abc import Mapping
from types import MappingProxyType

from bot.wording.phrases import Phrase

TOKEN_REFUSALS = ("invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired")
_TOKEN = Phrase(
    "Slack does not accept the bot's token. Copy the Bot User OAuth Token (`xoxb-…`) from the app's page "
    "OAuth & Permissions to `slack.bot_token`, or to the file that `slack.bot_token_file` names.",
    "Slack 不接受机器人的令牌。请从应用的 OAuth & Permissions 页面重新复制 Bot User OAuth Token（`xoxb-…`），填到 "
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
# Slack's words for what somebody has to mend.
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
            "The Slack app lacks a permission. Under OAuth & Permissions, give it the bot scopes of "
            "slack-app-manifest.yaml, then reinstall the app.",
            "Slack 应用缺少权限。请在 OAuth & Permissions 页面添加 slack-app-manifest.yaml 中的全部 bot scope，"
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
    """Return what to do about the first of Slack's words that stands in *error*, or None if none is known."""
    return next((remedy for word, remedy in SLACK_REMEDIES.items() if word in error), None)
