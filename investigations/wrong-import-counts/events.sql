-- One row an import that ended well. Counts that are not recorded never make it fail; no skipped or refused records count as 0.
SELECT
    i.account_id,
    i.started_at AS "at",
    i.import_id AS "key",
    COALESCE(i.rows_imported + COALESCE(i.rows_skipped, 0) + COALESCE(i.rows_rejected, 0) <> i.source_rows, FALSE) AS failed,
    i.trace_id,
    i."source",
    i."format",
    i.version,
    CASE
        WHEN i.rows_imported + COALESCE(i.rows_skipped, 0) + COALESCE(i.rows_rejected, 0) < i.source_rows THEN 'lost'
        WHEN i.rows_imported + COALESCE(i.rows_skipped, 0) + COALESCE(i.rows_rejected, 0) > i.source_rows THEN 'doubled'
        ELSE 'none'
    END AS difference
FROM imports AS i
WHERE i.started_at >= :window_start
  AND i.started_at < :window_end
  AND i.status IN ('success', 'partial')
