-- One row a record of the first store: what the second one says about it. Runs in DuckDB, over the rows of both.
SELECT
    f.account_id,
    f.changed_at AS "at",
    f.kind || ' ' || f.record_id AS "key",
    COALESCE(s.record_id IS NULL OR s.account_id <> f.account_id OR s.fingerprint <> f.fingerprint, TRUE) AS failed,
    f.kind,
    CASE
        WHEN s.record_id IS NULL THEN 'missing'
        WHEN s.account_id <> f.account_id THEN 'another account'
        WHEN s.fingerprint = f.fingerprint THEN 'same'
        ELSE 'other values'
    END AS difference
FROM first_rows AS f
LEFT JOIN second_rows AS s ON s.kind = f.kind AND s.record_id = f.record_id
