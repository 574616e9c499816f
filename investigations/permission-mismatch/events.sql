-- One row a decision about a feature that entitlements know.
WITH known AS (
    SELECT DISTINCT e.feature
    FROM entitlements AS e
),

judged AS (
    SELECT
        c.check_id,
        MAX(
            CASE
                WHEN e.valid_from <= c."at" AND (e.valid_until IS NULL OR c."at" < e.valid_until) THEN 1
                ELSE 0
            END
        ) AS entitled
    FROM access_checks AS c
    JOIN known AS k ON k.feature = c.feature
    LEFT JOIN entitlements AS e ON e.account_id = c.account_id AND e.feature = c.feature
    WHERE c."at" >= :window_start
      AND c."at" < :window_end
    GROUP BY c.check_id
)

SELECT
    c.account_id,
    c."at" AS "at",
    c.check_id AS "key",
    COALESCE(
        (
            :direction <> 'allowed'
            AND j.entitled = 1
            AND NOT c.allowed
            AND (c.reason IS NULL OR c.reason NOT IN (:own_rules))
        )
        OR (:direction <> 'refused' AND j.entitled = 0 AND c.allowed),
        FALSE
    ) AS failed,
    c.trace_id,
    c.feature,
    c.version,
    CASE
        WHEN j.entitled = 1 AND c.allowed THEN 'allowed, included'
        WHEN j.entitled = 1 THEN 'refused, included'
        WHEN c.allowed THEN 'allowed, not included'
        ELSE 'refused, not included'
    END AS decision
FROM access_checks AS c
JOIN judged AS j ON j.check_id = c.check_id
