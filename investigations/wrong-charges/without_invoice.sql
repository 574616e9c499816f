-- One row a charge that belongs to no invoice that is known.
SELECT
    c.account_id,
    c.charge_id,
    c."at" AS "at",
    c.amount,
    c.processor
FROM charges AS c
LEFT JOIN invoices AS i ON i.invoice_id = c.invoice_id
WHERE c."at" >= :window_start
  AND c."at" < :window_end
  AND c.status = 'succeeded'
  AND i.invoice_id IS NULL
