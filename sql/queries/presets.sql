-- name: all
SELECT id, name, model, system, temperature, max_output
  FROM presets
 WHERE account_id = :account_id
 ORDER BY created_at, id;

-- name: named (quick)
SELECT id, name
  FROM presets
 WHERE account_id = :account_id
 ORDER BY created_at, id;

-- name: get
SELECT id, name, model, system, temperature, max_output
  FROM presets
 WHERE id = :id AND account_id = :account_id;

-- name: add
INSERT INTO presets (id, account_id, name, model, system, temperature, max_output, created_at)
VALUES (:id, :account_id, :name, :model, :system, CAST(:temperature AS INTEGER), :max_output,
        :now);

-- name: change
UPDATE presets
   SET name = :name, model = :model, system = :system,
       temperature = CAST(:temperature AS INTEGER), max_output = :max_output
 WHERE id = :id AND account_id = :account_id
RETURNING id;

-- name: delete
DELETE FROM presets
 WHERE id = :id AND account_id = :account_id
RETURNING id;

-- name: copy
INSERT INTO conversation_instructions
  (conversation_id, account_id, system, temperature, max_output)
SELECT CAST(:conversation_id AS TEXT), account_id, system, temperature, max_output
  FROM presets
 WHERE id = :preset_id AND account_id = :account_id;
