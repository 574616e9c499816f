"""A MariaDB of one's own for the tests: on a socket in a temporary folder, from the programs that the system has installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bridge.errors import InputError, RetryLaterError

ADMIN: Final = "root"
_START_SECONDS: Final = 60
_STOP_SECONDS: Final = 20
_SMALL: Final = "--innodb-log-file-size=4M"


def installed() -> bool:
    """Tell whether the server's programs are here."""
    return all(shutil.which(name, path=_path()) is not None for name in ("mariadbd", "mariadb-install-db"))


@contextmanager
def running(*options: str) -> Iterator[str]:
    """Start a server, with further options of its own, and yield the path of its socket, where `root` may do everything; stopped and removed at the end.

    As root the server runs as the user `mysql`, whom the system's package makes. InputError when it is not
    installed, RetryLaterError with the end of its log when it does not start.
    """
    if not installed():
        raise InputError("MariaDB is not installed", hint="make mariadb (Debian: apt-get install mariadb-server)")
    # The path of a socket must be short, and the server's user must get there.
    folder = Path(tempfile.mkdtemp(prefix="bridge-mariadb-"))
    process = None
    try:
        folder.chmod(0o755)
        as_user = _given_to_its_user(folder)
        place = ["--no-defaults", *as_user, f"--datadir={folder / 'data'}", _SMALL]
        environment = {**os.environ, "PATH": _path()}
        install = ["mariadb-install-db", *place, "--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run(install, check=True, capture_output=True, env=environment, timeout=_START_SECONDS)
        serve = ["mariadbd", *place, f"--socket={folder / 's'}", "--skip-networking", f"--pid-file={folder / 'pid'}",
                 "--innodb-flush-log-at-trx-commit=0", *options]  # fmt: skip
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(serve, stdout=log, stderr=log, env=environment)
        _wait(process, folder / "log")
        yield str(folder / "s")
    except (OSError, subprocess.SubprocessError) as error:
        raise RetryLaterError(f"MariaDB did not start: {error}", where=str(folder)) from error
    finally:
        if process is not None:
            _stop(process)
        shutil.rmtree(folder, ignore_errors=True)


def _path() -> str:
    return "/usr/sbin:/usr/bin:" + os.environ.get("PATH", "")


def _given_to_its_user(folder: Path) -> list[str]:
    if os.geteuid() != 0:
        return []
    try:
        shutil.chown(folder, "mysql", "mysql")
    except LookupError as error:
        raise InputError("there is no user mysql, and the server refuses root", hint="make mariadb") from error
    return ["--user=mysql"]


def _wait(process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        if b"ready for connections" in log.read_bytes():
            return
        time.sleep(0.05)
    raise RetryLaterError(f"MariaDB did not start: {log.read_text(errors='replace')[-1000:]}", where=str(log))


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
