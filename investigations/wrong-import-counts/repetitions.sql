-- One row a repetition of an import with wrong counts: did its counts add up?
SELECT
    r.account_id,
    r.started_at AS "at",
    r.import_id AS "key",
    COALESCE(
        r.status = 'success'
        AND r.rows_imported + COALESCE(r.rows_skipped, 0) + COALESCE(r.rows_rejected, 0) = r.source_rows,
        FALSE
    ) AS worked,
    r.rerun_of
FROM imports AS r
JOIN imports AS f ON f.import_id = r.rerun_of
WHERE f.started_at >= :window_start
  AND f.started_at < :window_end
  AND f.status IN ('success', 'partial')
  AND f.rows_imported + COALESCE(f.rows_skipped, 0) + COALESCE(f.rows_rejected, 0) <> f.source_rows
