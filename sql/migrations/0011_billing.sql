-- Stripe has the truth; this is what it said last. No payloads, no card data, no addresses.

CREATE TABLE billing_accounts (
  account_id TEXT NOT NULL PRIMARY KEY REFERENCES accounts(id) ON DELETE CASCADE,
  customer_id TEXT UNIQUE,              -- Stripe's
  create_key TEXT NOT NULL,             -- idempotency key of the customer's creation
  email TEXT NOT NULL,                  -- as Stripe was told last
  dirty_gen INTEGER NOT NULL DEFAULT 0, -- counts up with everything that may have changed at Stripe
  synced_gen INTEGER NOT NULL DEFAULT 0,
  synced_at INTEGER,
  lease_token TEXT,                     -- of who reads from Stripe now: a late writer misses
  lease_until INTEGER NOT NULL DEFAULT 0,
  next_try_at INTEGER NOT NULL DEFAULT 0,
  fail_count INTEGER NOT NULL DEFAULT 0,
  last_error TEXT NOT NULL DEFAULT '',
  trial_used_at INTEGER,
  granted_plan TEXT NOT NULL DEFAULT '', -- by an administrator, for nothing
  granted_until INTEGER,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX billing_accounts_due ON billing_accounts (next_try_at) WHERE dirty_gen > synced_gen;

-- Replaced as a whole for an account, each time it is read.
CREATE TABLE billing_subscriptions (
  subscription_id TEXT NOT NULL PRIMARY KEY,
  account_id TEXT NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,
  price_id TEXT NOT NULL,
  status TEXT NOT NULL,                 -- Stripe's word, also one that we do not know yet
  period_start INTEGER,
  period_end INTEGER,
  trial_end INTEGER,
  cancel_at INTEGER,
  ended_at INTEGER,
  started_at INTEGER NOT NULL,
  past_due_since INTEGER,               -- the first failure: later ones never move it
  amount INTEGER,                       -- of a period, in the currency's smallest unit
  currency TEXT NOT NULL,
  interval_unit TEXT NOT NULL
) STRICT;
CREATE INDEX billing_subscriptions_of_account ON billing_subscriptions (account_id);

CREATE TABLE billing_invoices (
  invoice_id TEXT NOT NULL PRIMARY KEY,
  account_id TEXT NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,
  created_at INTEGER NOT NULL,
  amount INTEGER NOT NULL,
  currency TEXT NOT NULL,
  status TEXT NOT NULL,
  url TEXT NOT NULL                     -- Stripe's page of it; '' while there is none
) STRICT;
CREATE INDEX billing_invoices_of_account ON billing_invoices (account_id, created_at);

-- A row is there before Stripe is asked, and its id is the idempotency key.
CREATE TABLE billing_checkouts (
  attempt_id TEXT NOT NULL PRIMARY KEY,
  account_id TEXT NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,
  plan_key TEXT NOT NULL,
  price_id TEXT NOT NULL,
  trial_days INTEGER NOT NULL,
  session_id TEXT UNIQUE,
  url TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('open', 'complete', 'expired', 'abandoned')),
  returned_at INTEGER,                  -- the browser came back, and we have not read since
  expires_at INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX billing_checkouts_one_open ON billing_checkouts (account_id)
  WHERE status = 'open';

-- Which events came, so that none counts twice.
CREATE TABLE stripe_events (
  event_id TEXT NOT NULL PRIMARY KEY,
  type TEXT NOT NULL,
  created_at INTEGER NOT NULL,          -- at Stripe
  customer_id TEXT,
  object_id TEXT,
  outcome TEXT NOT NULL CHECK (outcome IN ('queued', 'ignored', 'unknown_customer', 'lookup')),
  source TEXT NOT NULL CHECK (source IN ('webhook', 'reconcile')),
  deliveries INTEGER NOT NULL,
  next_try_at INTEGER NOT NULL,         -- of what has to be looked up first
  received_at INTEGER NOT NULL
) STRICT;
CREATE INDEX stripe_events_received ON stripe_events (received_at);
CREATE INDEX stripe_events_lookup ON stripe_events (next_try_at) WHERE outcome = 'lookup';

-- What an administrator should look at. An open dispute puts the account on hold.
CREATE TABLE billing_notices (
  notice_key TEXT NOT NULL PRIMARY KEY, -- its kind and what it is about: raised once
  account_id TEXT NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  detail TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  closed_at INTEGER
) STRICT;
CREATE INDEX billing_notices_of_account ON billing_notices (account_id) WHERE closed_at IS NULL;

-- How far Stripe's own list of events was read, and when that is due again.
CREATE TABLE billing_cursor (
  id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  events_until INTEGER NOT NULL,
  next_at INTEGER NOT NULL
) STRICT;
