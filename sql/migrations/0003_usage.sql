-- What replies cost. Amounts are micro-dollars, prices micro-dollars for a million tokens; where
-- none is known there is NULL. A price is kept as it was when the reply was asked for.

ALTER TABLE replies ADD COLUMN input_price INTEGER;
ALTER TABLE replies ADD COLUMN cached_price INTEGER;
ALTER TABLE replies ADD COLUMN output_price INTEGER;
ALTER TABLE replies ADD COLUMN cost INTEGER;
ALTER TABLE replies ADD COLUMN estimated INTEGER NOT NULL DEFAULT 0;  -- 1: not the provider's figures
ALTER TABLE replies ADD COLUMN day INTEGER NOT NULL DEFAULT 0;        -- of the end: days since 1970, UTC

UPDATE replies
   SET day = COALESCE(ended_at, started_at) / 86400000;

-- Everything that is summed: an account's usage is read here alone.
CREATE INDEX replies_used ON replies
  (account_id, day, conversation_id, model, input_tokens, cached_tokens, output_tokens,
   reasoning_tokens, cost, estimated)
  WHERE input_tokens + output_tokens > 0;
