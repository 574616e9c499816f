-- One row an integration: tokens that ended in the window although they were to be renewed.
SELECT
    t.integration,
    COUNT(*) AS tokens,
    COUNT(DISTINCT t.account_id) AS accounts,
    MIN(t.expires_at) AS first_end_at,
    MAX(t.expires_at) AS last_end_at
FROM tokens AS t
WHERE t.renews
  AND t.revoked_at IS NULL
  AND t.expires_at >= :window_start
  AND t.expires_at < :window_end
GROUP BY t.integration
