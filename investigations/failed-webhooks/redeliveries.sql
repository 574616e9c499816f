-- One row a repetition of a delivery that was given up: did it arrive this time?
SELECT
    r.account_id,
    r.created_at AS "at",
    r.delivery_id AS "key",
    COALESCE(r.status = 'delivered', FALSE) AS worked,
    r.redelivery_of
FROM deliveries AS r
JOIN deliveries AS f ON f.delivery_id = r.redelivery_of
WHERE f.created_at >= :window_start
  AND f.created_at < :window_end
  AND f.status = 'failed'
