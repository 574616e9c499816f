-- One row a feature and a recorded reason: how often it was allowed and refused.
SELECT
    c.feature,
    COALESCE(c.reason, 'none recorded') AS reason,
    COUNT(CASE WHEN c.allowed THEN 1 END) AS allowed,
    COUNT(CASE WHEN NOT c.allowed THEN 1 END) AS refused,
    COUNT(DISTINCT c.account_id) AS accounts
FROM access_checks AS c
WHERE c."at" >= :window_start
  AND c."at" < :window_end
GROUP BY c.feature, COALESCE(c.reason, 'none recorded')
