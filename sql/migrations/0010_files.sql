-- What people send along. A file is kept once, under the SHA-256 of its content, whoever sent it;
-- an attachment is its place: whose it is, what it is called there, in which message it is.

CREATE TABLE files (
  sha256 TEXT NOT NULL PRIMARY KEY,
  size INTEGER NOT NULL,            -- bytes
  type TEXT NOT NULL,               -- media type, by the content
  kind TEXT NOT NULL CHECK (kind IN ('image', 'text', 'document', 'other')),
  trouble TEXT NOT NULL,            -- why there is nothing to read, '' when all is well
  cut INTEGER NOT NULL,             -- 1: the text is not all of it
  pages INTEGER NOT NULL,
  width INTEGER NOT NULL,           -- pixels
  height INTEGER NOT NULL,
  derived TEXT NOT NULL,            -- what was made of it: "model:image/jpeg thumb:image/webp"
  created_at INTEGER NOT NULL,
  deleting_at INTEGER,              -- since when it is being removed from the disk
  text TEXT NOT NULL                -- what a model reads
) STRICT;

CREATE TABLE attachments (
  id TEXT NOT NULL PRIMARY KEY,
  account_id TEXT NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,
  message_id TEXT REFERENCES messages(id) ON DELETE CASCADE,  -- NULL until it is sent
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  file TEXT NOT NULL REFERENCES files(sha256),
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX attachments_of_account ON attachments (account_id, created_at, id);
CREATE INDEX attachments_of_message ON attachments (message_id);
CREATE INDEX attachments_of_file ON attachments (file);

-- Of a reply: the files of its question were longer than what its model was given of them.
ALTER TABLE replies ADD COLUMN cut INTEGER NOT NULL DEFAULT 0;
