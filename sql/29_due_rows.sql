-- The credit rows whose cycle is over and has something to take away. What nobody touches is read wrongly by other
-- readers of the table until a sweep closes it.
create or replace view creditgate.due_rows with (security_invoker = true) as
select c.credit_type, c.id, c.subscription_id
from creditgate.credit_rows c
where c.resetindays > 0 and c.used <> 0 and c.subscription_id is not null and isfinite(c.cyclestart)
  and c.cyclestart + make_interval(secs => c.resetindays * 86400.0) <= clock_timestamp();
revoke all on table creditgate.due_rows from public, anon, authenticated, service_role;
