-- One row an import with wrong counts: how many records are missing (negative: too many).
SELECT
    i.account_id,
    i.import_id,
    i.started_at,
    i.source_rows,
    i.rows_imported,
    COALESCE(i.rows_skipped, 0) AS rows_skipped,
    COALESCE(i.rows_rejected, 0) AS rows_rejected,
    i.source_rows - i.rows_imported - COALESCE(i.rows_skipped, 0) - COALESCE(i.rows_rejected, 0) AS missing
FROM imports AS i
WHERE i.started_at >= :window_start
  AND i.started_at < :window_end
  AND i.status IN ('success', 'partial')
  AND i.rows_imported + COALESCE(i.rows_skipped, 0) + COALESCE(i.rows_rejected, 0) <> i.source_rows
