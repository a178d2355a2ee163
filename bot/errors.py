"""Every error of this program, sorted by what the caller does about it.

    LipsyncBotError
    ├── Stopped                  the program was asked to end: save and leave; exit code 0
    ├── UsageError               the command cannot do what it was asked; exit code 2
    ├── ConfigError              mend the configuration; exit code 2
    │   └── ForeignStateError        the state belongs to another account: nothing may be announced from it
    ├── StateError               the state cannot be read or written; exit code 4
    │   ├── StateHeldError       another copy of the bot holds it; exit code 3
    │   └── StateLostError       it is held no longer: read it anew
    ├── ChanjingError            this poll failed, the next one is the retry
    │   ├── ChanjingUnavailable      transport, 5xx, no JSON, 40001, 50000: tried again before it was raised
    │   ├── ChanjingRefused          10400, 10401: the token is not accepted
    │   └── ChanjingRejected         any other code: not tried again
    ├── ArchiveError             this attempt to archive a task failed, a later one is the retry
    │   ├── LinkExpired              after fresh links were asked for
    │   ├── ArchiveUnusable          it is the archive that failed, whatever the task: reported
    │   └── NotArchivable            no attempt will do: given up
    └── SlackError               what became of one call to Slack
        ├── RateLimited              not posted: the destination waits
        ├── PayloadRefused           not posted: the notice falls back one level
        ├── DestinationRefused       not posted: the destination waits for somebody to mend it
        └── OutcomeUnknown           perhaps posted: in doubt, look before posting again

The text of each says what happened, where, and what to do. None ever holds a secret.
"""

from typing import ClassVar

NO_THREAD = (
    "no thread can be started. Raise the limit on processes (ulimit -u, a systemd unit's TasksMax, a container's "
    "pids_limit), or see what uses up this machine's memory"
)


class LipsyncBotError(Exception):
    """Something that the program expects to go wrong, in words for its user. `exit_code` is that of a command."""

    exit_code: ClassVar[int] = 1


class Stopped(LipsyncBotError):
    """The program was asked to end while it waited."""

    exit_code = 0


class UsageError(LipsyncBotError):
    """A command was asked for what does not exist, or is not clear. How it is written is right: no usage is shown."""

    exit_code = 2


class ConfigError(LipsyncBotError):
    """The configuration cannot be used. The text has one line for each problem."""

    exit_code = 2


class ForeignStateError(ConfigError):
    """The list holds none of the tasks that the state knows."""


class StateError(LipsyncBotError):
    """The state file cannot be read or written."""

    exit_code = 4


class StateHeldError(StateError):
    """Another copy of the bot holds the state."""

    exit_code = 3


class StateLostError(StateError):
    """The connection with which the state was held is lost. Nothing more can be recorded until it is read anew."""


class ChanjingError(LipsyncBotError):
    """A request to Chanjing got no usable answer.

    `said` is what happened, without the remedy. `code` is Chanjing's, or None if there was none.
    """

    def __init__(self, said: str, remedy: str = "", *, code: int | None = None) -> None:
        super().__init__(f"{said} {remedy}".rstrip())
        self.said = said
        self.code = code


class ChanjingUnavailable(ChanjingError):
    """Chanjing could not answer now. It has been tried again already."""


class ChanjingRefused(ChanjingError):
    """Chanjing does not accept the token (10400 or 10401)."""


class ChanjingRejected(ChanjingError):
    """Chanjing does not accept the request, for a reason that trying again does not mend."""


class ArchiveError(LipsyncBotError):
    """A task's files could not be copied."""


class LinkExpired(ArchiveError):
    """A link leads nowhere any longer."""


class ArchiveUnusable(ArchiveError):
    """The archive takes nothing now: no space, no folder, no access."""


class NotArchivable(ArchiveError):
    """The files cannot be copied, now or later."""


class SlackError(LipsyncBotError):
    """A call to Slack did not succeed. `reason` is Slack's own word for it, or a short one of ours.

    `outcome` is what the metrics call it.
    """

    outcome: ClassVar[str]

    def __init__(self, text: str, *, reason: str) -> None:
        super().__init__(text)
        self.reason = reason


class RateLimited(SlackError):
    """Slack did not post, and asks to wait `retry_after` seconds (at most 300)."""

    outcome = "rate_limited"

    def __init__(self, text: str, *, reason: str, retry_after: float) -> None:
        super().__init__(text, reason=reason)
        self.retry_after = retry_after


class PayloadRefused(SlackError):
    """Slack did not post because of what the message holds."""

    outcome = "payload_refused"


class DestinationRefused(SlackError):
    """Slack did not post because of the token, the channel or a rule of the workspace. The text holds the remedy.

    `mendable` says that somebody has to mend it; otherwise there was no way to Slack just now.
    """

    outcome = "refused"

    def __init__(self, text: str, *, reason: str, mendable: bool = True) -> None:
        super().__init__(text, reason=reason)
        self.mendable = mendable


class OutcomeUnknown(SlackError):
    """Nobody knows whether Slack posted."""

    outcome = "unknown"
