"""Real servers of the tests: a MariaDB of one's own on a socket in a temporary folder, where Debian's package is installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bridge.demo import embedded_mariadb

WANTED = "needs MariaDB: make mariadb"


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
    """Run a server that may read files wherever its own rights allow: nothing but the belts shall stop an attack."""
    with embedded_mariadb.running("--secure-file-priv=") as socket:
        yield MariaDB(socket=socket, admin=embedded_mariadb.ADMIN)
