-- What people bring: instructions, presets to begin with, and their own keys.

-- Temperatures are hundredths, and NULL where the provider's own is meant; max_output is tokens, and
-- 0 where there is no limit but the model's.
CREATE TABLE account_instructions (
  account_id TEXT NOT NULL PRIMARY KEY REFERENCES accounts(id) ON DELETE CASCADE,
  system TEXT NOT NULL,
  temperature INTEGER,
  max_output INTEGER NOT NULL
) STRICT;

CREATE TABLE conversation_instructions (
  conversation_id TEXT NOT NULL PRIMARY KEY REFERENCES conversations(id) ON DELETE CASCADE,
  account_id TEXT NOT NULL,
  system TEXT NOT NULL,
  temperature INTEGER,
  max_output INTEGER NOT NULL
) STRICT;

CREATE TABLE presets (
  id TEXT NOT NULL PRIMARY KEY,
  account_id TEXT NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  model TEXT NOT NULL,              -- '' is whatever is picked
  system TEXT NOT NULL,
  temperature INTEGER,
  max_output INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX presets_of_account ON presets (account_id, created_at, id);

CREATE TABLE own_keys (
  account_id TEXT NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,
  provider TEXT NOT NULL,
  sealed TEXT NOT NULL,             -- opened by the secret of the installation, in this row alone
  version TEXT NOT NULL,            -- another one whenever a key is entered
  models TEXT NOT NULL,             -- what was listed with it last: JSON, '' before the first time
  created_at INTEGER NOT NULL,
  PRIMARY KEY (account_id, provider)
) STRICT;

ALTER TABLE replies ADD COLUMN own_key INTEGER NOT NULL DEFAULT 0;  -- 1: asked with the account's own
