-- One row a variant: requests and failures under it.
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
    COALESCE(s.variant, 'none') AS variant,
    COUNT(*) AS requests,
    COUNT(CASE WHEN r.status >= :from_status THEN 1 END) AS failures,
    COUNT(DISTINCT r.account_id) AS accounts
FROM requests AS r
LEFT JOIN spans AS s
    ON s.account_id = r.account_id
    AND s.from_at <= r."at"
    AND (s.until_at IS NULL OR r."at" < s.until_at)
WHERE r."at" >= :window_start
  AND r."at" < :window_end
  AND r."method" NOT IN ('OPTIONS', 'HEAD')
GROUP BY COALESCE(s.variant, 'none')
