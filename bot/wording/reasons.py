"""Pure: why Chanjing says that a task failed, and what to do about it."""

import re
import unicodedata
from dataclasses import dataclass

from bot.wording.phrases import Phrase


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a task failed. `marks` are pieces of Chanjing's sentence, any of which identifies it, without punctuation."""

    marks: tuple[str, ...]
    sentence: Phrase
    remedy: Phrase


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


def remedy_for(message: str) -> Phrase:
    """Return what to do about Chanjing's sentence, something general if it is not known."""
    reason = reason_for(message)
    return reason.remedy if reason else OTHER_REMEDY


def _letters(text: str) -> str:
    """Return *text* without punctuation, white space, case and width: Chanjing's commas vary."""
    return "".join(char for char in unicodedata.normalize("NFKC", text).casefold() if char.isalnum())
