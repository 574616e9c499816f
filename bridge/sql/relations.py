"""Which tables a query may read: system catalogs, remote tables and files behind table names, per dialect.

An application's tables are the business of the database role. Here stand the rules that hold whatever the
role may do: no credentials, no other user's sessions or queries, no name that is really a file or a link.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

_INFORMATION_SCHEMA = frozenset(
    {
        "tables", "columns", "views", "schemata", "key_column_usage", "table_constraints", "referential_constraints",
        "constraint_column_usage", "check_constraints", "statistics", "partitions", "routines", "domains", "sequences",
        "table_options", "column_field_paths", "table_storage", "element_types", "character_sets", "collations",
    }
)  # fmt: skip
_POSTGRES = frozenset(
    {
        "pg_class", "pg_namespace", "pg_attribute", "pg_type", "pg_index", "pg_indexes", "pg_tables", "pg_views", "pg_matviews",
        "pg_constraint", "pg_description", "pg_enum", "pg_am", "pg_collation", "pg_database", "pg_inherits", "pg_sequences",
        "pg_stat_user_tables", "pg_stat_all_tables", "pg_statio_user_tables", "pg_stat_user_indexes", "pg_timezone_names",
        "pg_timezone_abbrevs", "pg_depend", "pg_attrdef", "pg_partitioned_table", "pg_extension",
    }
)  # fmt: skip
_REDSHIFT = frozenset(
    {
        "pg_table_def", "svv_table_info", "svv_tables", "svv_columns", "svv_all_tables", "svv_all_columns", "svv_all_schemas",
        "svv_redshift_tables", "svv_redshift_columns", "svv_redshift_schemas", "svv_external_tables", "svv_external_columns",
    }
)  # fmt: skip
_TSQL_SYS = frozenset(
    {
        "tables", "columns", "schemas", "types", "indexes", "index_columns", "objects", "views", "foreign_keys",
        "foreign_key_columns", "key_constraints", "default_constraints", "check_constraints", "identity_columns",
        "computed_columns", "partitions", "all_columns", "all_objects", "extended_properties", "time_zone_info",
    }
)  # fmt: skip
_CLICKHOUSE_SYS = frozenset(
    {"one", "numbers", "numbers_mt", "zeros", "tables", "columns", "databases", "parts", "parts_columns", "time_zones", "functions"}
)
_DUCKDB_SYS = frozenset({"pg_class", "pg_namespace", "pg_attribute", "pg_type", "pg_tables", "pg_views", "pg_index", "pg_constraint"})
_ORACLE_BAD = re.compile(
    r"(dba|cdb|awr|logstdby|wri|wrh|wrm|x|v_?|gv_?|aud|fga_log|link|user|exu\d*)\$\w*"
    r"|(dba|cdb)_\w+|(g?v_?|x)\$\w+"
    r"|(user|all)_(db_links|users|source|audit\w*|credentials|directories|external_locations|scheduler_\w+|jobs|policies|triggers|"
    r"sys_privs|role_privs|tab_privs\w*|col_privs\w*|password_limits|proxies|histograms|tab_histograms|part_histograms|stored_settings|"
    r"procedures|objects_ae|identifiers|errors|java_\w+|xs_\w+|mining_\w+|wallet\w*)"
    r"|session_(privs|roles|context)|role_(sys|tab|role)_privs|proxy_users|unified_audit_trail|kottd\$|resource_cost"
)
_TSQL_BAD = re.compile(
    r"sys(processes|logins|users|cacheobjects|oledbusers|remotelogins|servers|xlogins|protects|permissions|lockinfo|syslockinfo)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Relations:
    """The rules of one dialect; every name is compared in lower case."""

    schemas: dict[str, frozenset[str]] = field(default_factory=dict)
    """System schemas (in any part before the table) and the tables of theirs that may be read."""
    bare_prefixes: tuple[str, ...] = ()
    """Unqualified names that begin so belong to the system ..."""
    bare_allowed: frozenset[str] = frozenset()
    """... and may be read only when they stand here."""
    bad: re.Pattern[str] | None = None
    """Table names that are never read, in whatever schema."""
    parts: int = 3
    """catalog.schema.table; a fourth part is another server."""
    name: re.Pattern[str] = re.compile(r"[\w $\-]+")
    """What a name may consist of: nothing that could be a path, an address or a link."""


_FILES = frozenset(
    {"parquet", "csv", "json", "text", "orc", "avro", "binaryfile", "delta", "jdbc", "xml", "image", "libsvm", "iceberg", "hudi", "kafka"}
)
_NONE: frozenset[str] = frozenset()
_PG_SCHEMAS = {"pg_catalog": _POSTGRES, "information_schema": _INFORMATION_SCHEMA - {"routines"}, "pg_toast": _NONE}

RELATIONS: dict[str, Relations] = {
    "postgres": Relations(schemas=_PG_SCHEMAS, bare_prefixes=("pg_",), bare_allowed=_POSTGRES),
    "redshift": Relations(
        schemas={"pg_catalog": _POSTGRES | _REDSHIFT, "information_schema": _INFORMATION_SCHEMA, "pg_internal": _NONE, "sys": _NONE},
        bare_prefixes=("pg_", "stl_", "stv_", "svl_", "svv_", "svcs_", "sys_"),
        bare_allowed=_POSTGRES | _REDSHIFT,
    ),
    "mysql": Relations(
        schemas={"mysql": _NONE, "performance_schema": _NONE, "sys": _NONE, "information_schema": _INFORMATION_SCHEMA},
    ),
    "duckdb": Relations(
        schemas={"pg_catalog": _DUCKDB_SYS, "information_schema": _INFORMATION_SCHEMA, "system": _NONE},
        bare_prefixes=("pg_", "duckdb_", "pragma_", "sqlite_"),
        bare_allowed=_DUCKDB_SYS
        | {"duckdb_tables", "duckdb_columns", "duckdb_views", "duckdb_schemas", "duckdb_constraints", "duckdb_indexes", "sqlite_master"},
    ),
    "sqlite": Relations(
        bare_prefixes=("sqlite_", "pragma_"),
        bare_allowed=frozenset({"sqlite_master", "sqlite_schema", "sqlite_sequence"}),
        bad=re.compile(r"dbstat|sqlite_dbpage|sqlite_dbdata|sqlite_dbptr|sqlite_stmt|bytecode|tables_used|completion|fsdir|zipfile"),
        parts=2,
    ),
    "tsql": Relations(
        schemas={
            "sys": _TSQL_SYS, "information_schema": _INFORMATION_SCHEMA, "master": _NONE, "msdb": _NONE, "tempdb": _NONE, "model": _NONE,
        },
        bad=_TSQL_BAD,
        name=re.compile(r"[\w $\-]+"),
    ),
    "oracle": Relations(
        schemas={"sys": frozenset({"dual", "all_tables", "all_tab_columns"}), "system": _NONE, "sysman": _NONE, "xdb": _NONE},
        bad=_ORACLE_BAD,
        name=re.compile(r"[\w $#\-]+"),
        parts=2,
    ),
    "snowflake": Relations(
        schemas={
            "snowflake": _NONE, "account_usage": _NONE, "organization_usage": _NONE, "reader_account_usage": _NONE,
            "information_schema": _INFORMATION_SCHEMA - {"stages"},
        },
    ),
    "bigquery": Relations(
        schemas={"information_schema": _INFORMATION_SCHEMA | {"table_snapshots", "partitions"}},
        parts=4,
        name=re.compile(r"[\w $\-*:]+"),
    ),
    "trino": Relations(
        schemas={"system": _NONE, "jmx": _NONE, "information_schema": _INFORMATION_SCHEMA - {"routines"}},
        name=re.compile(r"[\w \-]+(\$(partitions|snapshots|history|files|manifests|properties|refs))?"),
    ),
    "spark": Relations(schemas={"system": _NONE, "information_schema": _INFORMATION_SCHEMA, **dict.fromkeys(_FILES, _NONE)}),
    "clickhouse": Relations(
        schemas={"system": _CLICKHOUSE_SYS, "information_schema": _INFORMATION_SCHEMA, "_temporary_and_external_tables": _NONE},
        parts=2,
    ),
}  # fmt: skip


def refusal(dialect: str, parts: Sequence[str]) -> str | None:
    """Return why a table may not be read, None when it may; `parts` are catalog, schema and table as far as given."""
    rules = RELATIONS[dialect]
    if dialect == "bigquery":
        # `INFORMATION_SCHEMA.TABLES` and anything in backticks arrive as one name with dots.
        parts = [piece for part in parts for piece in part.split(".")]
    shown = ".".join(parts)
    if len(parts) > rules.parts:
        return f"{shown} has {len(parts)} parts: a table on another server is out of reach"
    names = [part.lower() for part in parts]
    for part in parts:
        if rules.name.fullmatch(part) is None:
            return f"'{part}' is not a plain table name: a file, an address or a link can't be read"
    name = names[-1]
    for schema in names[:-1]:
        allowed = rules.schemas.get(schema)
        if allowed is not None and name not in allowed:
            return f"{shown} belongs to the system; credentials, other users' work and server internals are out of reach"
    if rules.bad is not None and rules.bad.fullmatch(name):
        return f"{shown} shows credentials, other users' work or server internals"
    system = len(names) == 1 or dialect == "sqlite"  # main.pragma_x is pragma_x
    if system and name.startswith(rules.bare_prefixes or ("\x00",)) and name not in rules.bare_allowed:
        return f"{shown} belongs to the system; credentials, other users' work and server internals are out of reach"
    return None
