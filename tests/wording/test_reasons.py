"""Chanjing's sentences are understood."""

import pytest

from bot.wording.reasons import NO_REASON, REASONS, reason_for

CREDIT, NO_VOICE, FORMAT, BACKGROUND, NETWORK, TOO_SHORT, LANGUAGE, NOT_CHARGED, AGAIN = REASONS


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("蝉豆不足扣费失败", CREDIT),
        ("蝉豆不足，扣费失败！", CREDIT),
        ("任务失败：蝉 豆 不 足", CREDIT),
        ("扣费失败", CREDIT),
        ("账户余额不足，请充值", CREDIT),
        ("您的蝉豆余额不够，请充值后重试", CREDIT),
        ("请检查蝉豆余额", CREDIT),
        ("账号已欠费", CREDIT),
        ("蝉豆不足，任务失败，本次生成不消耗蝉豆", CREDIT),
        ("任务失败,本次生成不消耗蝉豆余额", NOT_CHARGED),
        ("生成失败，不会扣除您的蝉豆余额", NOT_CHARGED),
        ("任务失败，未扣费", NOT_CHARGED),
        ("任务失败，蝉豆余额已退还", NOT_CHARGED),
        ("音频中没有人声，请检查是否为单声道", NO_VOICE),
        ("音频中没有人声,请检查是否为单声道", NO_VOICE),
        ("不支持的音频格式", FORMAT),
        ("上传背景文件失败", BACKGROUND),
        ("上传背景文件失败, 请检查网络", BACKGROUND),
        ("请检查网络", NETWORK),
        ("您需要至少输入1S以上的内容", TOO_SHORT),
        ("您需要至少输入1s以上的内容。", TOO_SHORT),
        ("暂不支持该语种", LANGUAGE),
        ("任务失败,本次生成不消耗蝉豆", NOT_CHARGED),
        ("任务失败，请重试", AGAIN),
        ("任务失败,请重试。", AGAIN),
        ("", NO_REASON),
        (" …\n", NO_REASON),
        ("人脸检测不通过", None),
        ("internal error", None),
    ],
)
def test_a_sentence_of_chanjing_is_understood_whatever_its_punctuation(message, reason):
    assert reason_for(message) is reason
