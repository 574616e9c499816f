-- One row a request, with the variant that its account had at that moment.
WITH spans AS (
    SELECT
        x.account_id,
        x.variant,
        x."at" AS from_at,
        LEAD(x."at") OVER (PARTITION BY x.account_id ORDER BY x."at", x.exposure_id) AS until_at
    FROM exposures AS x
    WHERE x.flag = :flag
)

SELECT
    r.account_id,
    r."at" AS "at",
    r.request_id AS "key",
    COALESCE(r.status >= :from_status, FALSE) AS failed,
    r.trace_id,
    COALESCE(s.variant, 'none') AS variant,
    r.endpoint,
    r.version
FROM requests AS r
LEFT JOIN spans AS s
    ON s.account_id = r.account_id
    AND s.from_at <= r."at"
    AND (s.until_at IS NULL OR r."at" < s.until_at)
WHERE r."at" >= :window_start
  AND r."at" < :window_end
  AND r."method" NOT IN ('OPTIONS', 'HEAD')
