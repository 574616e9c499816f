-- One row a run of an integration, with what its token was at that moment.
SELECT
    s.account_id,
    s.started_at AS "at",
    s.sync_id AS "key",
    COALESCE(
        s.status = 'failed'
        AND (
            (t.renews AND t.expires_at <= s.started_at AND (t.revoked_at IS NULL OR t.revoked_at > s.started_at))
            OR (t.revoked_by = 'us' AND t.revoked_at <= s.started_at)
        ),
        FALSE
    ) AS failed,
    s.trace_id,
    s.integration,
    s.version,
    s.reason,
    CASE
        WHEN t.token_id IS NULL THEN 'not recorded'
        WHEN t.revoked_at <= s.started_at AND t.revoked_by = 'us' THEN 'revoked by us'
        WHEN t.revoked_at <= s.started_at THEN 'revoked by the customer'
        WHEN t.expires_at <= s.started_at THEN 'ended'
        ELSE 'valid'
    END AS token_state
FROM syncs AS s
LEFT JOIN tokens AS t ON t.token_id = s.token_id
WHERE s.started_at >= :window_start
  AND s.started_at < :window_end
