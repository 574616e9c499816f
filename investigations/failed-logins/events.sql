-- One row a try. A failure without a recorded reason counts: nobody can say that it was the person's mistake.
SELECT
    l.account_id,
    l."at" AS "at",
    l.login_id AS "key",
    COALESCE(l.outcome <> 'success' AND (l.reason IS NULL OR l.reason NOT IN (:own_mistakes)), FALSE) AS failed,
    l.trace_id,
    l."method",
    l.provider,
    l.version,
    l.reason
FROM logins AS l
WHERE l."at" >= :window_start
  AND l."at" < :window_end
