-- Who writes which reply. Where several processes share a database each has a number, and shows by
-- its beat that it lives; the one process of a SQLite file is number 0 and needs no row.

CREATE TABLE workers (
  no INTEGER PRIMARY KEY,
  beat INTEGER NOT NULL             -- counts up: whoever sees it change needs no clock of theirs
) STRICT;

ALTER TABLE replies ADD COLUMN worker INTEGER NOT NULL DEFAULT 0;
ALTER TABLE replies ADD COLUMN stop_asked INTEGER NOT NULL DEFAULT 0;
CREATE INDEX replies_of_worker ON replies (worker) WHERE state IN ('pending', 'streaming');
