-- name: all
SELECT provider, sealed, version, created_at
  FROM own_keys
 WHERE account_id = :account_id
 ORDER BY provider;

-- name: save
INSERT INTO own_keys (account_id, provider, sealed, version, models, created_at)
VALUES (:account_id, :provider, :sealed, :version, '', :now)
ON CONFLICT (account_id, provider) DO UPDATE
   SET sealed = :sealed, version = :version, models = '', created_at = :now;

-- name: remove
DELETE FROM own_keys
 WHERE account_id = :account_id AND provider = :provider;

-- name: listed
SELECT models
  FROM own_keys
 WHERE account_id = :account_id AND provider = :provider AND version = :version;

-- name: keep
-- Of a key that was entered anew meanwhile nothing is kept.
UPDATE own_keys
   SET models = :models
 WHERE account_id = :account_id AND provider = :provider AND version = :version;
