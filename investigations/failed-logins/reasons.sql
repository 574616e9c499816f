-- One row a recorded reason: what fails, by which method and provider, for how many.
SELECT
    l."method",
    COALESCE(l.provider, 'none') AS provider,
    COALESCE(l.reason, 'none recorded') AS reason,
    COUNT(*) AS failures,
    COUNT(DISTINCT l.account_id) AS accounts,
    COUNT(DISTINCT l.user_id) AS people
FROM logins AS l
WHERE l."at" >= :window_start
  AND l."at" < :window_end
  AND l.outcome <> 'success'
GROUP BY l."method", COALESCE(l.provider, 'none'), COALESCE(l.reason, 'none recorded')
