"""As which account PostgreSQL runs: it refuses to run as root.

As root it runs as another account, which may be unable to reach a directory below root's home. On
Linux it then gets one capability for the way, instead of root's directories being opened to all.
"""

import os
import pwd
import shutil
import sys
from pathlib import Path

from posttrail.errors import Stop

ACCOUNTS = ("posttrail", "nobody")
"""The first of these that exists; make an account `posttrail` to keep its data from `nobody`."""

AS_USER = Path(__file__).with_name("as_user.py")

# Linux's numbers (capability.h): reading past permissions; writing too, where only that is had.
_CAPABILITIES = {"dac_read_search": 2, "dac_override": 1}


def account() -> pwd.struct_passwd | None:
    """The account for PostgreSQL; None: our own, for we are not root.

    Raises:
        posttrail.errors.Stop: we are root and there is no other account to use.
    """
    if os.geteuid() != 0:
        return None
    known = {each.pw_name: each for each in pwd.getpwall()}
    for name in ACCOUNTS:
        if name in known:
            return known[name]
    raise Stop("PostgreSQL does not run as root: add an account `posttrail` or run as another user")


def is_open_to_all(path: Path) -> bool:
    """Whether every account can pass through the directories above `path`."""
    return all(parent.stat().st_mode & 0o001 for parent in path.resolve().parents)


def _bounding_set() -> int:
    status = Path("/proc/self/status")
    for line in status.read_text().splitlines() if status.exists() else ():
        if line.startswith("CapBnd:"):
            return int(line.split()[1], 16)
    return 0


def _capability() -> str:
    have = _bounding_set()
    for name, number in _CAPABILITIES.items():
        if have & (1 << number):
            return name
    return ""


def command_prefix(user: pwd.struct_passwd, ways: list[Path]) -> list[str]:
    """What stands before a command to run it as `user`, who must be able to reach `ways`.

    Raises:
        posttrail.errors.Stop: there is no way to let that account reach them.
    """
    closed = [way for way in ways if not is_open_to_all(way)]
    if not closed:
        return [sys.executable, "-I", "-S", str(AS_USER), str(user.pw_uid), str(user.pw_gid)]
    setpriv, capability = shutil.which("setpriv"), _capability()
    if setpriv is None or not capability:
        raise Stop(
            f"PostgreSQL runs as {user.pw_name}, who cannot reach {closed[0]}: put the clone and "
            "POSTTRAIL_HOME where every account may pass, or do not run as root"
        )
    only = f"-all,+{capability}"
    return [
        setpriv, f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups",
        f"--inh-caps={only}", f"--ambient-caps={only}", f"--bounding-set={only}", "--",
    ]  # fmt: skip
