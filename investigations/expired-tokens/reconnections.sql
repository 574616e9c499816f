-- One row a new token after one that had ended: did a run succeed with it?
SELECT
    n.account_id,
    n.issued_at AS "at",
    n.token_id AS "key",
    MAX(CASE WHEN s.status = 'success' THEN 1 ELSE 0 END) = 1 AS worked
FROM tokens AS n
JOIN tokens AS o
    ON o.account_id = n.account_id
    AND o.integration = n.integration
    AND o.token_id <> n.token_id
    AND o.renews
    AND o.expires_at <= n.issued_at
LEFT JOIN syncs AS s ON s.token_id = n.token_id
WHERE n.issued_at >= :window_start
  AND n.issued_at < :window_end
GROUP BY n.account_id, n.issued_at, n.token_id
