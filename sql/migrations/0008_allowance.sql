-- What accounts used of what their plans allow. Nothing is ever reset: a new window has new rows.

CREATE TABLE usage_counters (
  account_id TEXT NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,
  meter TEXT NOT NULL,              -- messages, output_tokens
  window_start INTEGER NOT NULL,
  used INTEGER NOT NULL CHECK (used >= 0),
  PRIMARY KEY (account_id, meter, window_start)
) STRICT, WITHOUT ROWID;

-- What each reply reserved as it was asked for, and what came of it. reply_id is no foreign key:
-- whoever deletes a conversation gets nothing back.
CREATE TABLE usage_events (
  reply_id TEXT NOT NULL,
  epoch INTEGER NOT NULL,           -- of the reply as it was asked for, or gone on with
  meter TEXT NOT NULL,
  account_id TEXT NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,
  window_start INTEGER NOT NULL,
  reserved INTEGER NOT NULL,
  actual INTEGER,                   -- NULL as long as it is reserved
  state TEXT NOT NULL CHECK (state IN ('reserved', 'settled', 'released')),
  created_at INTEGER NOT NULL,
  PRIMARY KEY (reply_id, epoch, meter)
) STRICT, WITHOUT ROWID;
CREATE INDEX usage_events_reserved ON usage_events (created_at) WHERE state = 'reserved';
CREATE INDEX usage_events_age ON usage_events (created_at);
