-- One row a repetition of an empty export: did it write rows this time? Repetitions that still run count as not worked.
SELECT
    r.account_id,
    r.started_at AS "at",
    r.export_id AS "key",
    COALESCE(r.status = 'success' AND r.rows_written > 0, FALSE) AS worked,
    r.rerun_of
FROM exports AS r
JOIN exports AS f ON f.export_id = r.rerun_of
WHERE f.started_at >= :window_start
  AND f.started_at < :window_end
  AND f.status = 'success'
  AND f.rows_written = 0
  AND f.source_rows > 0
