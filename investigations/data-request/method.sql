-- One row: who asked for what, and how much there is. An account without data gives a row too.
SELECT
    :request AS request,
    :made_by AS made_by,
    :account AS account_id,
    COUNT(d.record_id) AS records,
    COUNT(DISTINCT d.place) AS places,
    COUNT(DISTINCT d.person_id) AS people
FROM account_data AS d
WHERE d.account_id = :account
  AND (d.created_at IS NULL OR (d.created_at >= :window_start AND d.created_at < :window_end))
