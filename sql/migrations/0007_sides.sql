-- Several models answer one question at once. Each column is a side, and has versions of its own:
-- a reply that is retried keeps its side, and the question says who stands beside whom.

ALTER TABLE replies ADD COLUMN side INTEGER NOT NULL DEFAULT 0;  -- 0: it is alone; else from 1
