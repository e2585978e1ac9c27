"""Run a program that dies with its parent: `python parent_death.py USER PROGRAM [ARGUMENT…]`.

USER is an unprivileged user to switch to, or `-`. Replaces the calling process, so that the pid stays. Imports nothing
of ours: it runs before the program's environment is set up.
"""

import ctypes
import os
import pwd
import signal
import sys

PR_SET_PDEATHSIG = 1  # prctl(2), Linux only


def become(name: str) -> None:
    user = pwd.getpwnam(name)
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)


def die_with_parent() -> None:
    """Request SIGKILL on the parent's death. Call it after `become`, which resets it."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == 1:  # it ended before the kernel was asked
        sys.exit("the parent is gone")


if __name__ == "__main__":
    user, *command = sys.argv[1:]
    if user != "-":
        become(user)
    die_with_parent()
    os.execv(command[0], command)
