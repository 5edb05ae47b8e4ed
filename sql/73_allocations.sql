-- One row for each credit row that a reservation drew from.
create or replace view creditgate.allocations with (security_invoker = true) as
select r.id as reservation_id, r.subscription_id, r.state, a.credit_type, a.row_id, a.cycle, a.held, a.kept
from creditgate.reservations r, unnest(r.allocations) a;
revoke all on table creditgate.allocations from public, anon, authenticated, service_role;
