-- One row a try by password of a person whom another method had refused before.
SELECT
    p.account_id,
    p."at" AS "at",
    p.login_id AS "key",
    COALESCE(p.outcome = 'success', FALSE) AS worked
FROM logins AS p
JOIN (
    SELECT
        l.user_id,
        MIN(l."at") AS first_refused
    FROM logins AS l
    WHERE l."at" >= :window_start
      AND l."at" < :window_end
      AND l."method" <> 'password'
      AND l.outcome <> 'success'
      AND (l.reason IS NULL OR l.reason NOT IN (:own_mistakes))
    GROUP BY l.user_id
) AS refused ON refused.user_id = p.user_id
WHERE p."method" = 'password'
  AND p."at" > refused.first_refused
  AND p."at" < :window_end
