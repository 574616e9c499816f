"""Who holds a filing: one process, told apart from every other, also after a crash, a restart or a reused pid."""

from __future__ import annotations

import getpass
import os
import secrets
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """One run of one process. Two runs are the same holder only when all of it is equal."""

    host: str
    """Host name and, on Linux, its process namespace: a pid means nothing outside of it."""
    boot: str
    """Changes with each start of the machine; empty where the system does not tell."""
    pid: int
    started: str
    """When the process began, as the system writes it: pids are used again."""
    run_id: str
    who: str


def this_process(run_id: str = "") -> Holder:
    """Return the running process as a holder; `run_id` is made up when it is not given."""
    pid = os.getpid()
    return Holder(
        host=_host(),
        boot=_boot(),
        pid=pid,
        started=_started(pid) or "",
        run_id=run_id or secrets.token_hex(8),
        who=_user(),
    )


def is_alive(holder: Holder) -> bool | None:
    """Tell whether the process still runs; None when it can't be told from here (another machine or container)."""
    if holder.host != _host():
        return None
    if holder.boot and holder.boot != _boot():
        return False
    started = _started(holder.pid)
    return started is not None and started == holder.started


def _host() -> str:
    try:
        namespace = Path("/proc/self/ns/pid").readlink().name
    except OSError:
        namespace = ""
    return f"{socket.gethostname()} {namespace}".strip()


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """Return when a process began, None when there is none; a zombie counts as none."""
    try:
        # The name in field 2 may hold spaces and brackets: what follows the last bracket is regular.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
        return _started_by_ps(pid)
    except OSError:
        return None
    state, ticks = fields[0], fields[19]
    return None if state in "ZX" else ticks


def _started_by_ps(pid: int) -> str | None:
    """Ask ps, where there is no /proc (macOS)."""
    try:
        answer = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() or None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no entry in the password file: containers with an arbitrary uid
        return f"uid {os.getuid()}"
