-- name: add
INSERT INTO accounts (id, email, email_key, password, role, language, theme, model, created_at)
VALUES (:id, :email, :email_key, :password, :role, '', '', '', :now)
ON CONFLICT (email_key) DO NOTHING
RETURNING id, email, role, language, theme, model;

-- name: by_email
SELECT id, password
  FROM accounts
 WHERE email_key = :email_key;

-- name: password_of
SELECT password
  FROM accounts
 WHERE id = :account_id;

-- name: set_password
UPDATE accounts
   SET password = :password
 WHERE id = :account_id;

-- name: set_preferences
UPDATE accounts
   SET language = :language, theme = :theme
 WHERE id = :account_id;

-- name: set_model
UPDATE accounts
   SET model = :model
 WHERE id = :account_id AND model <> :model;

-- name: set_role
UPDATE accounts
   SET role = :role
 WHERE email_key = :email_key;

-- name: delete
-- Everything of theirs goes with it.
DELETE FROM accounts
 WHERE id = :account_id;

-- name: begin_session
INSERT INTO sessions (id, hash, account_id, user_agent, created_at, seen_at)
VALUES (:id, :hash, :account_id, :user_agent, :now, :now);

-- name: of_session (quick)
-- One look-up per request: the session, its age and its account.
SELECT a.id, a.email, a.role, a.language, a.theme, a.model,
       EXISTS (SELECT 1 FROM own_keys k WHERE k.account_id = a.id) AS own_keys,
       s.id AS session_id, s.created_at, s.seen_at
  FROM sessions s
  JOIN accounts a ON a.id = s.account_id
 WHERE s.hash = :hash;

-- name: living
-- Of the sessions that this process has open streams for.
SELECT id
  FROM sessions
 WHERE id IN (SELECT value FROM json_each(:ids));

-- name: saw_session
UPDATE sessions
   SET seen_at = :now
 WHERE id = :session_id AND account_id = :account_id AND seen_at < :now;

-- name: sessions
SELECT id, user_agent, created_at, seen_at
  FROM sessions
 WHERE account_id = :account_id AND seen_at > :idle AND created_at > :oldest
 ORDER BY seen_at DESC, id;

-- name: end_session
DELETE FROM sessions
 WHERE id = :session_id AND account_id = :account_id;

-- name: end_other_sessions
DELETE FROM sessions
 WHERE account_id = :account_id AND id <> :session_id;

-- name: end_old_sessions
DELETE FROM sessions
 WHERE seen_at <= :idle OR created_at <= :oldest;
