-- One row an outcome: by channel, provider and recorded reason.
SELECT
    m.channel,
    COALESCE(m.provider, 'none') AS provider,
    m.status,
    COALESCE(m.reason, 'none recorded') AS reason,
    COUNT(*) AS messages,
    COUNT(DISTINCT m.account_id) AS accounts
FROM messages AS m
WHERE m.due_at >= :window_start
  AND m.due_at < :window_end
  AND m.status NOT IN ('sent', 'delivered')
GROUP BY m.channel, COALESCE(m.provider, 'none'), m.status, COALESCE(m.reason, 'none recorded')
