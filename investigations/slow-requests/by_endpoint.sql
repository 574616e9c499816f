-- One row an endpoint with slow answers: how many, how slow at worst.
SELECT
    r.endpoint,
    COUNT(*) AS requests,
    COUNT(CASE WHEN r.duration_ms > :slower_than_ms THEN 1 END) AS slow,
    MAX(r.duration_ms) AS slowest_ms,
    COUNT(DISTINCT CASE WHEN r.duration_ms > :slower_than_ms THEN r.account_id END) AS accounts
FROM requests AS r
WHERE r."at" >= :window_start
  AND r."at" < :window_end
  AND r.status < 500
  AND r."method" NOT IN ('OPTIONS', 'HEAD')
  AND r.endpoint NOT IN (:ignored)
GROUP BY r.endpoint
HAVING COUNT(CASE WHEN r.duration_ms > :slower_than_ms THEN 1 END) > 0
