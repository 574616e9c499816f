-- The account itself, as the accounts view has it.
SELECT a.*
FROM accounts AS a
WHERE a.account_id = :account
