-- All records of these kinds in the second store: a stale one was written long before the window.
SELECT
    s.account_id,
    s.kind,
    s.record_id,
    s.fingerprint
FROM second_records AS s
WHERE ('all' IN (:kinds) OR s.kind IN (:kinds))
  AND ('all' IN (:accounts) OR s.account_id IN (:accounts))
