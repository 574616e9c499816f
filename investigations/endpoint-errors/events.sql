-- One row a request. A missing status never makes a request fail.
SELECT
    r.account_id,
    r."at" AS "at",
    r.request_id AS "key",
    COALESCE(r.status >= :from_status, FALSE) AS failed,
    r.trace_id,
    r."method",
    r.endpoint,
    r.version
FROM requests AS r
WHERE r."at" >= :window_start
  AND r."at" < :window_end
  AND r."method" NOT IN ('OPTIONS', 'HEAD')
  AND r.endpoint NOT IN (:ignored)
