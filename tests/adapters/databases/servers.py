"""Real servers of the tests: a MariaDB of one's own on a socket in a temporary folder, where Debian's package is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WANTED = "needs MariaDB: make mariadb"


def installed() -> bool:
    return shutil.which("mariadbd", path="/usr/sbin:/usr/bin:" + os.environ.get("PATH", "")) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class MariaDB:
    socket: str
    admin: str

    def connect(self, user: str = "", database: str | None = None) -> Any:
        import pymysql

        return pymysql.connect(unix_socket=self.socket, user=user or self.admin, database=database, autocommit=True, charset="utf8mb4")

    def execute(self, *statements: str, database: str | None = None) -> None:
        connection = self.connect(database=database)
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
        finally:
            connection.close()


@contextmanager
def mariadb() -> Iterator[MariaDB]:
    """Run a server as the user mysql (as oneself, when not root), and remove it with its data at the end."""
    folder = Path(tempfile.mkdtemp(prefix="bridge-mariadb-", dir="/tmp"))  # a socket's path must be short, and mysql must get there
    folder.chmod(0o755)
    root = os.geteuid() == 0
    user = "mysql" if root else os.environ.get("USER", "root")
    as_user = [f"--user={user}"] if root else []
    if root:
        shutil.chown(folder, user, user)
    path = "/usr/sbin:/usr/bin:" + os.environ.get("PATH", "")
    environment = {**os.environ, "PATH": path}
    data, socket = folder / "data", folder / "s"
    install = ["mariadb-install-db", "--no-defaults", *as_user, f"--datadir={data}", "--auth-root-authentication-method=normal",
               "--skip-test-db", "--innodb-log-file-size=4M"]  # fmt: skip
    process = None
    try:
        subprocess.run(install, check=True, capture_output=True, env=environment, timeout=60)
        run = ["mariadbd", "--no-defaults", *as_user, f"--datadir={data}", f"--socket={socket}", "--skip-networking",
               f"--pid-file={folder}/pid", "--innodb-log-file-size=4M", "--innodb-flush-log-at-trx-commit=0", "--secure-file-priv="]  # fmt: skip
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(run, stdout=log, stderr=log, env=environment)
        server = MariaDB(socket=str(socket), admin="root")
        _wait(process, folder / "log")
        yield server
    finally:
        if process is not None:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end and process.poll() is None:
        if b"ready for connections" in log.read_bytes():
            return
        time.sleep(0.05)
    raise RuntimeError(log.read_text()[-2000:])
