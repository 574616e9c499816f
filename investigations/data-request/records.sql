-- The records themselves.
SELECT
    d.category,
    d.place,
    d.record_id,
    d.person_id,
    d.created_at,
    d.keep_until,
    d.content
FROM account_data AS d
WHERE d.account_id = :account
  AND (d.created_at IS NULL OR (d.created_at >= :window_start AND d.created_at < :window_end))
