-- What a set of credit rows has left, by credit type:
--   {"ai": {"remaining": 97, "resetsIn": 86400, "resetsAt": "2026-01-31T00:00:00Z"}}
-- remaining null: unlimited. resetsIn (whole seconds, rounded up) and resetsAt null: no row of the type ever resets.
create or replace function creditgate.balances(rows creditgate.credit_row[], at_time timestamptz)
returns jsonb
language plpgsql immutable
set search_path = ''
as $$
begin
  return coalesce((
    select jsonb_object_agg(t.credit_type, jsonb_build_object(
             'remaining', case when t.unlimited then null else t.remaining end,
             'resetsIn', ceil(extract(epoch from t.resets - at_time))::bigint,
             'resetsAt', to_char(t.resets at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')))
    from (select c.credit_type,
                 bool_or(c.allotted is null) as unlimited,
                 sum(creditgate.headroom(c::creditgate.credit_row)) as remaining,
                 min(creditgate.resets_at(c::creditgate.credit_row)) as resets
          from unnest(rows) c
          group by c.credit_type) t
  ), '{}');
end
$$;
revoke all on function creditgate.balances(creditgate.credit_row[], timestamptz) from public, anon, authenticated, service_role;
