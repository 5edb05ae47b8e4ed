-- The rows whose figures do not add up: none, while only the library writes them.
--   unbalanced    `used` is not what the ledger accounts for in the row's present cycle; difference is what another
--                 writer added to it (negative: took away)
--   over_allotted `used` has passed `allotted`, and not because the row began that way
create or replace view creditgate.violations with (security_invoker = true) as
select v.kind, f.credit_type, f.id as row_id, f.subscription_id, f.cycle, f.allotted, f.used, f.expected, f.used - f.expected as difference
from (
  select c.*,
         coalesce((select sum(a.amount) from creditgate.adjustments a
                   where a.subscription_id = c.subscription_id and a.credit_type = c.credit_type and a.row_id = c.id and a.cycle = c.cycle), 0)
         + coalesce(held.kept, 0) as expected,
         coalesce(held.kept, 0)
         + coalesce((select sum(a.amount) from creditgate.adjustments a
                     where a.subscription_id = c.subscription_id and a.credit_type = c.credit_type and a.row_id = c.id and a.cycle = c.cycle
                       and a.kind = 'pruned'), 0) as kept
  from creditgate.credit_rows c
  left join (select a.subscription_id, a.credit_type, a.row_id, a.cycle, sum(a.kept) as kept
             from creditgate.allocations a group by 1, 2, 3, 4) held
    on held.subscription_id = c.subscription_id and held.credit_type = c.credit_type and held.row_id = c.id and held.cycle = c.cycle
  where exists (select from creditgate.adjustments a
                where a.subscription_id = c.subscription_id and a.credit_type = c.credit_type and a.row_id = c.id and a.kind = 'opening')
) f
cross join lateral (values
  ('unbalanced', f.used <> f.expected),
  ('over_allotted', f.used > f.allotted and f.kept > 0)
) as v (kind, holds)
where v.holds;
revoke all on table creditgate.violations from public, anon, authenticated, service_role;
