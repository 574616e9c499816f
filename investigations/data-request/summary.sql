-- One row a category and place: how much, since when, and how much should be gone by now.
SELECT
    d.category,
    d.place,
    COUNT(*) AS records,
    COUNT(DISTINCT d.person_id) AS people,
    MIN(d.created_at) AS oldest_at,
    MAX(d.created_at) AS newest_at,
    COUNT(CASE WHEN d.keep_until < :window_end THEN 1 END) AS past_their_time
FROM account_data AS d
WHERE d.account_id = :account
  AND (d.created_at IS NULL OR (d.created_at >= :window_start AND d.created_at < :window_end))
GROUP BY d.category, d.place
