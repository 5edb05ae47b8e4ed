-- Whether a value is a set of amounts: {"ai": 2, "skipTrace": 1}, each a whole number that fits the credit tables.
create or replace function creditgate.is_amounts(amounts jsonb)
returns boolean
language plpgsql immutable
set search_path = ''
as $$
begin
  return coalesce(jsonb_typeof(amounts), '') = 'object'
    and exists (select from jsonb_each(amounts))
    and not exists (select from jsonb_each(amounts) e
                    where jsonb_typeof(e.value) <> 'number' or e.value::text !~ '^[0-9]{1,10}$' or e.value::text::bigint > 2147483647);
end
$$;
revoke all on function creditgate.is_amounts(jsonb) from public, anon, authenticated, service_role;
