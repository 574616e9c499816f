-- One row an answered request. A duration that is not recorded is not slow.
SELECT
    r.account_id,
    r."at" AS "at",
    r.request_id AS "key",
    COALESCE(r.duration_ms > :slower_than_ms, FALSE) AS failed,
    r.trace_id,
    r."method",
    r.endpoint,
    r.version,
    r.duration_ms
FROM requests AS r
WHERE r."at" >= :window_start
  AND r."at" < :window_end
  AND r.status < 500
  AND r."method" NOT IN ('OPTIONS', 'HEAD')
  AND r.endpoint NOT IN (:ignored)
