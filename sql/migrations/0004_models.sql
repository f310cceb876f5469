-- What endpoints listed last, so that a restart offers it before anybody has been asked again.

CREATE TABLE model_lists (
  endpoint TEXT NOT NULL PRIMARY KEY,
  label TEXT NOT NULL,              -- of the endpoint then: another address usually has another one
  models TEXT NOT NULL              -- JSON
) STRICT;
