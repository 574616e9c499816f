"""The texts of the demo's workspaces: bridge.yaml and the views, as a company would have written them."""

from __future__ import annotations

import json
from collections.abc import Sequence

BRIDGE_YAML = """\
# {title} Every key is explained in docs/workspace.md.
format: 1
as_of: {as_of}  # the recorded data ends here: "last 14 days" counts back from this moment
currency: EUR

tickets:
  product: zendesk
  url: {sandbox}/zendesk
  user: agent@example.test
  token: file:sandbox-token  # a reference, never the secret itself
  issue_field: 360001  # the ticket field that shows the issue's key

tracker:
  product: jira
  url: {sandbox}/jira
  user: agent@example.test
  token: file:sandbox-token
  project: REP
  issue_type: Bug
  labels: [from-support]
  fields:
    customfield_10101: affected_accounts
    customfield_10102: silent_accounts
    customfield_10103: affected_revenue
    customfield_10104: first_seen
    customfield_10105: {severity}

databases:
  app: {database}

logs:
  app:
    product: files
    sources:
{sources}
views: {{database: app, folder: views}}
"""

REPRODUCTION = """
reproduction:
  recordings: [recordings/*.jsonl]  # the gateway's log with bodies, of one affected account
  targets:
    staging:
      url: {sandbox}/product
      allow: ["{host}"]  # nothing else is ever sent to; hosts of the recording are refused even here
      writes: true
      rate: 500  # requests a second: it is on this machine
      requests: 50000
      clock: /api/testing/clock
      reset: /api/testing/reset
      about: /api/v1/about
      identities:
        - {{user: qa@exemplar.example, password: "file:sandbox-token"}}
"""
"""Added to the demo's bridge.yaml."""

DEMO_SEVERITY = "severity"
REAL_SEVERITY = "{value: S2}  # required here, and new-errors judges no severity: what this team files errors with"
"""Constant text for the tracker's required field: without a cohort there is nothing to judge a severity by."""

DEMO_SOURCES = """\
      - {paths: [logs/gateway/*], format: nginx, service: gateway, fields: {account_id: account, trace_id: trace}}
      - {paths: [logs/scheduler/*], format: json, service: scheduler, fields: {at: time, level: severity, message: message}}
      - paths: [logs/exports/*]
        format: json
        service: exports
        fields: {at: ts, level: level, message: msg, account_id: account, trace_id: trace}
      - paths: [logs/cache/*]
        format: logfmt
        service: cache
        fields: {at: ts, level: level, message: msg, account_id: account, trace_id: trace}
      # Its clock shows UTC and does not say so.
      - {paths: [logs/worker/*], format: text, zone: UTC, service: worker, fields: {account_id: account, trace_id: trace}}
"""

DEMO_VIEWS = {
    "accounts": """\
-- accounts: one row for each account, with its running contract. A flag without a row is off.
SELECT
    customer.customer_no AS account_id,
    customer.company_name AS "name",
    contract.plan_code AS plan,
    customer.sales_region AS region,
    contract.annual_value AS arr,
    contract.seat_count AS seats,
    customer.signed_up_at AS created_at,
    customer.industry AS industry,
    customer.sign_in AS sso,
    customer.file_target AS storage_provider,
    customer.hosting_site AS data_center,
    customer.api_library AS api_client,
    customer.locale AS locale,
    contract.billed AS billing_cycle,
    customer.acquired_through AS onboarded_by,
    COALESCE(cache_flag.enabled, FALSE) AS snapshot_cache_v2,
    COALESCE(upload_flag.enabled, FALSE) AS parallel_upload,
    COALESCE(header_flag.enabled, FALSE) AS compact_headers
FROM customers AS customer
INNER JOIN contracts AS contract
    ON contract.customer_no = customer.customer_no AND contract.valid_to IS NULL
LEFT JOIN feature_flags AS cache_flag
    ON cache_flag.customer_no = customer.customer_no AND cache_flag.flag = 'snapshot_cache_v2'
LEFT JOIN feature_flags AS upload_flag
    ON upload_flag.customer_no = customer.customer_no AND upload_flag.flag = 'parallel_upload'
LEFT JOIN feature_flags AS header_flag
    ON header_flag.customer_no = customer.customer_no AND header_flag.flag = 'compact_headers'
""",
    "changes": """\
-- changes: everything that may have caused a defect, at the moment it took effect.
SELECT applied_at AS "at", 'release' AS kind, service AS "name", version AS version FROM deployments
UNION ALL
SELECT applied_at AS "at", 'flag' AS kind, flag AS "name", new_value AS version FROM flag_changes
UNION ALL
SELECT applied_at AS "at", 'config' AS kind, setting AS "name", new_value AS version FROM setting_changes
UNION ALL
SELECT applied_at AS "at", 'migration' AS kind, migration AS "name", NULL AS version FROM migrations
UNION ALL
SELECT began_at AS "at", 'job' AS kind, job AS "name", NULL AS version FROM job_runs
""",
    "exports": """\
-- exports: one row for each run of a report export.
SELECT
    export_no AS export_id,
    customer_no AS account_id,
    report_no AS report_id,
    CASE WHEN started_by = 'scheduler' THEN 'schedule' ELSE 'manual' END AS "trigger",
    file_format AS "format",
    due_at AS scheduled_at,
    began_at AS started_at,
    ended_at AS finished_at,
    CASE WHEN state = 'OK' THEN 'success' ELSE 'failed' END AS status,
    rows_in_source AS source_rows,
    rows_in_file AS rows_written,
    app_version AS version,
    request_id AS trace_id,
    repeats_export_no AS rerun_of
FROM report_exports
""",
}

_SERVICE = r"^(.+?)-[0-9a-f]{8,10}-[0-9a-z]{5}$"
_LEVEL = r"^\d\d:\d\d:\d\d\.\d{3}\s+(?P<level>[A-Z]+)\s+(?P<position>\S+)\s+TraceID: \S* SpanID: \S*\s+(?P<message>(?s:.*))"
_ACCOUNT = r"(?i:account ?id|user ?id): ?(?P<account_id>[0-9a-f]{8}-[0-9a-f-]{27})"


def real_sources(paths: Sequence[str]) -> str:
    """Return the log source of the real system: CSV, the line as JSON in a column, level and position inside the line."""
    return f"""\
      # The line's own clock is eight hours ahead and does not say so; the collector's column is UTC.
      - paths: {json.dumps(list(paths))}
        format: csv
        json_column: Log
        fields:
          at: Timestamp
          trace_id: TraceID
          message: Log.log
          service: {{from: PodName, pattern: '{_SERVICE}'}}
        message_pattern:
          - '{_LEVEL}'
          - '{_ACCOUNT}'
        account_from_trace: true
"""


REAL_VIEWS = {
    "accounts": """\
-- accounts: agencies and companies that book for their people.
SELECT
    client_id AS account_id,
    client_name AS "name",
    tariff AS plan,
    country AS region,
    yearly_volume AS arr,
    travellers AS seats,
    since AS created_at,
    booking_channel AS booking_channel,
    payment AS payment
FROM clients
""",
    "changes": """\
-- changes: releases of the booking platform, and its nightly jobs.
SELECT taken_live_at AS "at", 'release' AS kind, product AS "name", version AS version FROM releases
UNION ALL
SELECT began_at AS "at", 'job' AS kind, job AS "name", NULL AS version FROM nightly_jobs
""",
}
