-- What a model thought before it answered, apart from the answer: shown folded, never sent as text.

ALTER TABLE replies ADD COLUMN reasoning TEXT NOT NULL DEFAULT '';
ALTER TABLE replies ADD COLUMN thought_ms INTEGER NOT NULL DEFAULT 0;  -- how long; 0: nobody knows
ALTER TABLE replies ADD COLUMN echo TEXT NOT NULL DEFAULT '';  -- what its provider wants back, as it is
ALTER TABLE reply_chunks ADD COLUMN thought TEXT NOT NULL DEFAULT '';
