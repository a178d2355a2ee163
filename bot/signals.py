"""The signals that end the program: held back from its first moment on, then waited for by a thread of `run`."""

import os
import signal
import threading

_GRACE = 8  # seconds for the post in flight; orchestrators send SIGKILL after 10


def hold_back() -> None:
    """Keep the signals waiting, for this thread and for those that it starts."""
    # SIGALRM too, so that no thread dies of the one that end_on_signals asks for.
    signal.pthread_sigmask(signal.SIG_BLOCK, {*_ending(), signal.SIGALRM})


def let_through() -> None:
    """Let the signals do what they do to any program."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {*_ending(), signal.SIGALRM})


def end_on_signals(stop: threading.Event) -> None:
    """Set *stop* on SIGTERM, SIGINT or SIGHUP, on a pending one at once.

    The process ends outright when it is still there after the grace, or when it is asked again.

    Call it before any other thread begins. A thread waits for the signals, as a handler would run in the middle of the
    main thread's work, where Event.set() can deadlock. To end outright is safe: what is about to be posted is saved
    before it is posted, so that is a crash like any other.
    """
    hold_back()
    ending = _ending()

    def wait() -> None:
        signal.sigwait(ending)
        stop.set()
        signal.alarm(_GRACE)  # not a timer: if no thread can be started, the program must end all the same
        signal.sigwait({*ending, signal.SIGALRM})
        os._exit(0)

    threading.Thread(target=wait, name="signals", daemon=True).start()


def _ending() -> set[signal.Signals]:
    """Return the signals that end the program. SIGHUP, of a closed terminal, is none if nohup has it ignored."""
    ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    return {signal.SIGTERM, signal.SIGINT} if ignored else {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
