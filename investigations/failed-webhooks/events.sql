-- One row a delivery of an endpoint that is switched on.
SELECT
    d.account_id,
    d.created_at AS "at",
    d.delivery_id AS "key",
    COALESCE(
        (d.status = 'failed' OR (d.status = 'pending' AND d.created_at < :waiting_before))
        AND (:count_refused OR d.status_code IS NULL OR d.status_code NOT IN (401, 403, 404, 410)),
        FALSE
    ) AS failed,
    d.trace_id,
    d.endpoint_id,
    d.event_type,
    d.version,
    d.attempts,
    CASE
        WHEN d.status_code IS NULL THEN 'none'
        WHEN d.status_code < 300 THEN 'taken'
        WHEN d.status_code < 500 THEN 'refused'
        ELSE 'server error'
    END AS answer
FROM deliveries AS d
WHERE d.created_at >= :window_start
  AND d.created_at < :window_end
  AND d.status <> 'disabled'
