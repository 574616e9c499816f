-- One row an endpoint with errors: is it one, or all of them?
SELECT
    r.endpoint,
    COUNT(*) AS requests,
    COUNT(CASE WHEN r.status >= :from_status THEN 1 END) AS errors,
    COUNT(DISTINCT CASE WHEN r.status >= :from_status THEN r.account_id END) AS accounts_with_errors
FROM requests AS r
WHERE r."at" >= :window_start
  AND r."at" < :window_end
  AND r."method" NOT IN ('OPTIONS', 'HEAD')
  AND r.endpoint NOT IN (:ignored)
GROUP BY r.endpoint
HAVING COUNT(CASE WHEN r.status >= :from_status THEN 1 END) > 0
