-- Written for SQLite and read by PostgreSQL too: there INTEGER becomes BIGINT, an INTEGER PRIMARY
-- KEY an identity, and STRICT and WITHOUT ROWID go away. Times are milliseconds since 1970, UTC.

CREATE TABLE accounts (
  id TEXT NOT NULL PRIMARY KEY,
  email TEXT NOT NULL,
  email_key TEXT NOT NULL UNIQUE,   -- folded: one account per address, however it is typed
  password TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('user', 'admin')),
  language TEXT NOT NULL,           -- '' follows the browser
  theme TEXT NOT NULL,              -- '' follows the system
  model TEXT NOT NULL,              -- what a new conversation begins with; '' is the default
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
  id TEXT NOT NULL PRIMARY KEY,     -- what the account page names; opens nothing
  hash TEXT NOT NULL UNIQUE,        -- of the random value in the cookie: a stolen table opens nothing
  account_id TEXT NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,
  user_agent TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  seen_at INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_of_account ON sessions (account_id, seen_at);

CREATE TABLE throttles (
  key TEXT NOT NULL PRIMARY KEY,
  started_at INTEGER NOT NULL,
  count INTEGER NOT NULL
) STRICT;

CREATE TABLE conversations (
  id TEXT NOT NULL PRIMARY KEY,
  account_id TEXT NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,
  title TEXT NOT NULL,
  model TEXT NOT NULL,              -- what the next message will use
  leaf_id TEXT NOT NULL,            -- the newest message of the path that is shown
  pinned INTEGER NOT NULL,
  archived INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX conversations_recent ON conversations (account_id, archived, pinned, updated_at, id);

-- A tree: each message knows what it follows. A retried answer is one more child of its question.
-- parent_id is no foreign key: a cascade along a conversation would nest as deep as it is long.
CREATE TABLE messages (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  conversation_id TEXT NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
  account_id TEXT NOT NULL,
  parent_id TEXT,
  role TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
  text TEXT NOT NULL,
  html TEXT NOT NULL,               -- rendered once, at the end; '' for what people wrote
  key TEXT,                         -- the form it came with: the same key is the same message
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX messages_of_conversation ON messages (conversation_id);
CREATE INDEX messages_of_parent ON messages (parent_id);
CREATE UNIQUE INDEX messages_key ON messages (account_id, key) WHERE key IS NOT NULL;

CREATE TABLE replies (
  id TEXT NOT NULL PRIMARY KEY REFERENCES messages(id) ON DELETE CASCADE,
  conversation_id TEXT NOT NULL,
  account_id TEXT NOT NULL,
  model TEXT NOT NULL,
  model_name TEXT NOT NULL,         -- as it was called then
  state TEXT NOT NULL CHECK (
    state IN ('pending', 'streaming', 'complete', 'stopped', 'interrupted', 'failed')
  ),
  reason TEXT NOT NULL,             -- of the end: stop, length, filter, …; of a failure: its kind
  epoch INTEGER NOT NULL,           -- raised when an owner is declared dead: its late writes miss
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  cached_tokens INTEGER NOT NULL,
  reasoning_tokens INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at INTEGER
) STRICT;
CREATE INDEX replies_live ON replies (account_id, conversation_id)
  WHERE state IN ('pending', 'streaming');

-- The text of a reply while it is written; joined into its message at the end.
CREATE TABLE reply_chunks (
  reply_id TEXT NOT NULL REFERENCES replies(id) ON DELETE CASCADE,
  seq INTEGER NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (reply_id, seq)
) STRICT, WITHOUT ROWID;
