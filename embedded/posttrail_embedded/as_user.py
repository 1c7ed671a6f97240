"""Becomes another account, then another program: `python as_user.py UID GID COMMAND…`, as root.

Only the standard library: it runs before anything of ours can be read by that account.
"""

import os
import sys

if __name__ == "__main__":
    uid, gid, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    os.execv(command[0], command)  # noqa: S606  # the command becomes this process
