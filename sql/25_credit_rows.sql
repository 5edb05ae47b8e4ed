-- All credit rows of all types in one shape, for reading.
create or replace view creditgate.credit_rows with (security_invoker = true) as
-- {{each type joined by union all}}
select {{type}}::text as credit_type, c.id, c.subscriptionid as subscription_id, c.allotted, coalesce(c.used, 0) as used,
       c.resetindays, c.cycle, c.cyclestart
from {{table}} c
-- {{end}}
;
revoke all on table creditgate.credit_rows from public, anon, authenticated, service_role;
