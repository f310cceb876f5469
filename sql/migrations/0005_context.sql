-- What of a conversation a reply was asked with, and what was learnt of models by asking.

ALTER TABLE replies ADD COLUMN since TEXT NOT NULL DEFAULT '';    -- the first message sent; '': all of it
ALTER TABLE replies ADD COLUMN asked INTEGER NOT NULL DEFAULT 0;  -- tokens of the prompt by our estimate

CREATE TABLE model_measures (
  model TEXT NOT NULL PRIMARY KEY,
  size INTEGER NOT NULL,            -- of the window in tokens, where it is smaller than its list says
  ratio INTEGER NOT NULL            -- tokens that it counts for 1,000 of our estimate
) STRICT;
