-- name: of_account (quick)
SELECT system, temperature, max_output
  FROM account_instructions
 WHERE account_id = :account_id;

-- name: of_conversation (quick)
SELECT system, temperature, max_output
  FROM conversation_instructions
 WHERE conversation_id = :conversation_id AND account_id = :account_id;

-- name: of_both (quick)
SELECT 1 AS place, system, temperature, max_output
  FROM account_instructions
 WHERE account_id = :account_id
UNION ALL
SELECT 2 AS place, system, temperature, max_output
  FROM conversation_instructions
 WHERE conversation_id = :conversation_id AND account_id = :account_id
 ORDER BY place;

-- name: save_of_account
INSERT INTO account_instructions (account_id, system, temperature, max_output)
VALUES (:account_id, :system, CAST(:temperature AS INTEGER), :max_output)
ON CONFLICT (account_id) DO UPDATE
   SET system = :system, temperature = CAST(:temperature AS INTEGER), max_output = :max_output;

-- name: save_of_conversation
INSERT INTO conversation_instructions
  (conversation_id, account_id, system, temperature, max_output)
SELECT c.id, c.account_id, CAST(:system AS TEXT), CAST(:temperature AS INTEGER),
       CAST(:max_output AS INTEGER)
  FROM conversations c
 WHERE c.id = :conversation_id AND c.account_id = :account_id
ON CONFLICT (conversation_id) DO UPDATE
   SET system = excluded.system, temperature = excluded.temperature,
       max_output = excluded.max_output;
