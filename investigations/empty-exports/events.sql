-- One row an export. A count that is not recorded never makes an export fail.
SELECT
    e.account_id,
    e.started_at AS "at",
    e.export_id AS "key",
    COALESCE(e.status = 'success' AND e.rows_written = 0 AND e.source_rows > 0, FALSE) AS failed,
    e.trace_id,
    e.report_id,
    e."trigger",
    e."format",
    e.version
FROM exports AS e
WHERE e.started_at >= :window_start
  AND e.started_at < :window_end
