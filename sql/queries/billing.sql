-- name: access (quick)
-- One look-up by key: the account's standing beside each of its subscriptions.
SELECT b.customer_id, b.granted_plan, b.granted_until, b.synced_at,
       EXISTS (SELECT 1
                 FROM billing_notices n
                WHERE n.account_id = b.account_id AND n.closed_at IS NULL
                  AND n.kind = 'dispute') AS held,
       EXISTS (SELECT 1
                 FROM billing_checkouts c
                WHERE c.account_id = b.account_id AND c.status = 'open'
                  AND c.returned_at IS NOT NULL) AS returned,
       s.subscription_id, s.price_id, s.status, s.period_start, s.period_end, s.trial_end,
       s.cancel_at, s.past_due_since
  FROM billing_accounts b
  LEFT JOIN billing_subscriptions s ON s.account_id = b.account_id
 WHERE b.account_id = :account_id;

-- name: enrol
INSERT INTO billing_accounts (account_id, create_key, email, created_at)
VALUES (:account_id, :create_key, '', :now)
ON CONFLICT (account_id) DO NOTHING;

-- name: account
SELECT b.customer_id, b.create_key, b.dirty_gen, b.synced_gen, b.synced_at, b.trial_used_at,
       b.email, a.email AS wanted_email
  FROM billing_accounts b
  JOIN accounts a ON a.id = b.account_id
 WHERE b.account_id = :account_id;

-- name: bind_customer
UPDATE billing_accounts
   SET customer_id = :customer_id, email = :email
 WHERE account_id = :account_id AND customer_id IS NULL;

-- name: renew_key
UPDATE billing_accounts
   SET create_key = :fresh
 WHERE account_id = :account_id AND create_key = :create_key;

-- name: touch
-- Something of theirs may have changed: whoever reads now reads once more.
UPDATE billing_accounts
   SET dirty_gen = dirty_gen + 1, next_try_at = 0
 WHERE account_id = :account_id AND customer_id IS NOT NULL;

-- name: touch_customer
UPDATE billing_accounts
   SET dirty_gen = dirty_gen + 1, next_try_at = 0
 WHERE customer_id = :customer_id
RETURNING account_id;

-- name: touch_living
-- After whoever should have heard of changes was not there: all that can have changed.
UPDATE billing_accounts
   SET dirty_gen = dirty_gen + 1, next_try_at = 0
 WHERE customer_id IS NOT NULL AND dirty_gen = synced_gen
   AND (EXISTS (SELECT 1
                  FROM billing_subscriptions s
                 WHERE s.account_id = billing_accounts.account_id
                   AND s.status NOT IN ('canceled', 'incomplete_expired'))
     OR EXISTS (SELECT 1
                  FROM billing_checkouts c
                 WHERE c.account_id = billing_accounts.account_id AND c.status = 'open'));

-- name: touch_overdue
-- What nobody told us about: a period that should have ended, a checkout that is long open, a
-- reading from yesterday, an address that was changed.
UPDATE billing_accounts
   SET dirty_gen = dirty_gen + 1, next_try_at = 0
 WHERE customer_id IS NOT NULL AND dirty_gen = synced_gen
   AND (EXISTS (SELECT 1
                  FROM billing_subscriptions s
                 WHERE s.account_id = billing_accounts.account_id
                   AND s.status NOT IN ('canceled', 'incomplete_expired')
                   AND (COALESCE(synced_at, 0) < :yesterday
                     OR (s.period_end < :now AND COALESCE(synced_at, 0) < :recently)))
     OR EXISTS (SELECT 1
                  FROM billing_checkouts c
                 WHERE c.account_id = billing_accounts.account_id AND c.status = 'open'
                   AND c.created_at < :an_hour_ago AND COALESCE(synced_at, 0) < :an_hour_ago)
     OR EXISTS (SELECT 1
                  FROM accounts a
                 WHERE a.id = billing_accounts.account_id
                   AND a.email <> billing_accounts.email));

-- name: due
SELECT account_id
  FROM billing_accounts
 WHERE dirty_gen > synced_gen AND next_try_at <= :now AND lease_until <= :now
 ORDER BY next_try_at
 LIMIT :limit;

-- name: lease
UPDATE billing_accounts
   SET lease_token = :token, lease_until = :until
 WHERE account_id = :account_id AND lease_until <= :now;

-- name: extend
UPDATE billing_accounts
   SET lease_until = :until
 WHERE account_id = :account_id AND lease_token = :token;

-- name: release
UPDATE billing_accounts
   SET lease_token = NULL, lease_until = 0
 WHERE account_id = :account_id AND lease_token = :token;

-- name: begin_reading
-- The same fence, while something is still to be read.
UPDATE billing_accounts
   SET trial_used_at = COALESCE(trial_used_at, :trial_used_at)
 WHERE account_id = :account_id AND lease_token = :token;

-- name: finish
-- The fence: whoever took over has another token, and a late writer changes no row.
UPDATE billing_accounts
   SET synced_gen = :gen, synced_at = :now, fail_count = 0, last_error = '',
       trial_used_at = COALESCE(trial_used_at, :trial_used_at)
 WHERE account_id = :account_id AND lease_token = :token AND synced_gen <= :gen;

-- name: fail
UPDATE billing_accounts
   SET fail_count = fail_count + 1, last_error = :reason, next_try_at = :next_try_at,
       lease_token = NULL, lease_until = 0
 WHERE account_id = :account_id AND lease_token = :token;

-- name: failures
SELECT fail_count
  FROM billing_accounts
 WHERE account_id = :account_id;

-- name: lose_customer
-- It was deleted at Stripe: the next purchase makes another one.
UPDATE billing_accounts
   SET customer_id = NULL, create_key = :fresh
 WHERE account_id = :account_id AND lease_token = :token;

-- name: end_subscriptions
UPDATE billing_subscriptions
   SET status = 'canceled', ended_at = :now
 WHERE account_id = :account_id AND status NOT IN ('canceled', 'incomplete_expired');

-- name: abandon_checkouts
UPDATE billing_checkouts
   SET status = 'abandoned', returned_at = NULL
 WHERE account_id = :account_id AND status = 'open';

-- name: set_email
UPDATE billing_accounts
   SET email = :email
 WHERE account_id = :account_id AND lease_token = :token;

-- name: failing_since
SELECT subscription_id, past_due_since
  FROM billing_subscriptions
 WHERE account_id = :account_id AND past_due_since IS NOT NULL;

-- name: forget_subscriptions
DELETE FROM billing_subscriptions
 WHERE account_id = :account_id;

-- name: add_subscription
INSERT INTO billing_subscriptions (subscription_id, account_id, price_id, status, period_start,
  period_end, trial_end, cancel_at, ended_at, started_at, past_due_since, amount, currency,
  interval_unit)
VALUES (:subscription_id, :account_id, :price_id, :status, :period_start, :period_end, :trial_end,
  :cancel_at, :ended_at, :started_at, :past_due_since, :amount, :currency, :interval_unit);

-- name: subscription
SELECT price_id, status, amount, currency, interval_unit
  FROM billing_subscriptions
 WHERE subscription_id = :subscription_id AND account_id = :account_id;

-- name: living
SELECT count(*) AS living
  FROM billing_subscriptions
 WHERE account_id = :account_id AND status NOT IN ('canceled', 'incomplete_expired');

-- name: keep_invoice
INSERT INTO billing_invoices (invoice_id, account_id, created_at, amount, currency, status, url)
VALUES (:invoice_id, :account_id, :created_at, :amount, :currency, :status, :url)
ON CONFLICT (invoice_id) DO UPDATE
   SET amount = :amount, status = :status, url = :url
 WHERE billing_invoices.account_id = :account_id;

-- name: invoices
SELECT invoice_id, created_at, amount, currency, status, url
  FROM billing_invoices
 WHERE account_id = :account_id AND status <> 'draft'
 ORDER BY created_at DESC, invoice_id
 LIMIT :limit;

-- name: open_checkout
SELECT attempt_id, plan_key, price_id, trial_days, session_id, url, expires_at, created_at
  FROM billing_checkouts
 WHERE account_id = :account_id AND status = 'open';

-- name: begin_checkout
INSERT INTO billing_checkouts (attempt_id, account_id, plan_key, price_id, trial_days, url, status,
  expires_at, created_at)
VALUES (:attempt_id, :account_id, :plan_key, :price_id, :trial_days, '', 'open', :expires_at, :now);

-- name: set_session
UPDATE billing_checkouts
   SET session_id = :session_id, url = :url
 WHERE attempt_id = :attempt_id AND account_id = :account_id AND status = 'open';

-- name: end_checkout
UPDATE billing_checkouts
   SET status = :status, returned_at = NULL
 WHERE attempt_id = :attempt_id AND account_id = :account_id AND status = 'open';

-- name: return_from_checkout
UPDATE billing_checkouts
   SET returned_at = :now
 WHERE session_id = :session_id AND account_id = :account_id AND status = 'open';

-- name: not_returned
-- Stripe says that nothing was paid: the browser only said so.
UPDATE billing_checkouts
   SET returned_at = NULL
 WHERE attempt_id = :attempt_id AND account_id = :account_id AND status = 'open';

-- name: receive_event
INSERT INTO stripe_events (event_id, type, created_at, customer_id, object_id, outcome, source,
  deliveries, next_try_at, received_at)
VALUES (:event_id, :type, :created_at, :customer_id, :object_id, :outcome, 'webhook', 1, 0, :now)
ON CONFLICT (event_id) DO UPDATE
   SET deliveries = stripe_events.deliveries + 1
RETURNING deliveries;

-- name: find_event
INSERT INTO stripe_events (event_id, type, created_at, customer_id, object_id, outcome, source,
  deliveries, next_try_at, received_at)
VALUES (:event_id, :type, :created_at, :customer_id, :object_id, :outcome, 'reconcile', 1, 0, :now)
ON CONFLICT (event_id) DO NOTHING
RETURNING event_id;

-- name: settle_event
UPDATE stripe_events
   SET outcome = :outcome
 WHERE event_id = :event_id;

-- name: lookups
SELECT event_id, type, object_id
  FROM stripe_events
 WHERE outcome = 'lookup' AND next_try_at <= :now
 ORDER BY next_try_at
 LIMIT :limit;

-- name: postpone_lookup
UPDATE stripe_events
   SET next_try_at = :next_try_at
 WHERE event_id = :event_id AND outcome = 'lookup';

-- name: forget_events
DELETE FROM stripe_events
 WHERE received_at < :since;

-- name: raise_notice
-- Once: what an administrator has closed stays closed.
INSERT INTO billing_notices (notice_key, account_id, kind, detail, created_at)
VALUES (:notice_key, :account_id, :kind, :detail, :now)
ON CONFLICT (notice_key) DO NOTHING;

-- name: keep_notice
-- As long as it is so: closed in spite of that it comes back.
INSERT INTO billing_notices (notice_key, account_id, kind, detail, created_at)
VALUES (:notice_key, :account_id, :kind, :detail, :now)
ON CONFLICT (notice_key) DO UPDATE
   SET closed_at = NULL;

-- name: close_notice
UPDATE billing_notices
   SET closed_at = :now
 WHERE notice_key = :notice_key AND account_id = :account_id AND closed_at IS NULL;

-- name: lift_notice
-- By its key alone: it is that of a dispute, which only one account can have.
UPDATE billing_notices
   SET closed_at = :now
 WHERE notice_key = :notice_key AND closed_at IS NULL;

-- name: kept_notices
SELECT notice_key
  FROM billing_notices
 WHERE account_id = :account_id AND closed_at IS NULL
   AND kind IN ('duplicate_live', 'unknown_price', 'unknown_status');

-- name: ensure_cursor
INSERT INTO billing_cursor (id, events_until, next_at)
VALUES (1, :now, 0)
ON CONFLICT (id) DO NOTHING;

-- name: take_cursor
-- One process of all reads the list when it is due.
UPDATE billing_cursor
   SET next_at = :next_at
 WHERE id = 1 AND next_at <= :due
RETURNING events_until;

-- name: move_cursor
UPDATE billing_cursor
   SET events_until = :events_until
 WHERE id = 1 AND events_until < :events_until;

-- name: retry_cursor
UPDATE billing_cursor
   SET next_at = :next_at
 WHERE id = 1;

-- name: touch_all
UPDATE billing_accounts
   SET dirty_gen = dirty_gen + 1, next_try_at = 0
 WHERE customer_id IS NOT NULL;

-- name: all_subscriptions
SELECT s.subscription_id, s.account_id, a.email, s.price_id, s.status, s.period_end, s.cancel_at,
       s.amount, s.currency, s.interval_unit
  FROM billing_subscriptions s
  JOIN accounts a ON a.id = s.account_id
 ORDER BY s.started_at DESC, s.subscription_id
 LIMIT :limit;

-- name: notices
SELECT n.notice_key, n.account_id, a.email, n.kind, n.detail, n.created_at, n.closed_at
  FROM billing_notices n
  JOIN accounts a ON a.id = n.account_id
 ORDER BY n.closed_at IS NOT NULL, n.created_at DESC, n.notice_key
 LIMIT :limit;

-- name: mark_notice
UPDATE billing_notices
   SET closed_at = :closed_at
 WHERE notice_key = :notice_key;

-- name: grant_plan
INSERT INTO billing_accounts (account_id, create_key, email, granted_plan, granted_until, created_at)
VALUES (:account_id, :create_key, '', :plan, :until, :now)
ON CONFLICT (account_id) DO UPDATE
   SET granted_plan = :plan, granted_until = :until;

-- name: grants
SELECT b.account_id, a.email, b.granted_plan, b.granted_until
  FROM billing_accounts b
  JOIN accounts a ON a.id = b.account_id
 WHERE b.granted_plan <> ''
 ORDER BY a.email
 LIMIT :limit;

-- name: troubles
SELECT b.account_id, a.email, b.last_error, b.fail_count
  FROM billing_accounts b
  JOIN accounts a ON a.id = b.account_id
 WHERE b.last_error <> '' AND b.dirty_gen > b.synced_gen
 ORDER BY b.fail_count DESC, a.email
 LIMIT :limit;
