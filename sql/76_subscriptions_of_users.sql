-- subscription_of() for many users, by position; null where a user has no active subscription. While that function is as
-- generated, its query is asked here without it; once it is edited, it is called for each user.
do $migration$
declare
  user_type constant text := (select format_type(a.atttypid, a.atttypmod) from pg_catalog.pg_attribute a
                              where a.attrelid = to_regclass({{subscription_table_literal}}) and a.attname = {{user_column_literal}});
begin
  execute replace(replace($function$
create or replace function creditgate.subscriptions_of_users(spenders uuid[])
returns uuid[]
language plpgsql volatile
set search_path = ''
set plan_cache_mode = force_generic_plan
set jit = off
set enable_nestloop = off
as $body$
begin
  if exists (select from pg_catalog.pg_proc p
             where p.oid = 'creditgate.subscription_of(uuid)'::regprocedure and md5(p.prosrc) = '@generated@') then
    return (
      select array_agg(a.subscription order by e.n)
      from unnest(spenders) with ordinality as e (spender, n)
      left join (
        select distinct on (s.{{user_column}}) s.{{user_column}} as spender, s.id as subscription
        from {{subscription_table}} s
        where s.{{user_column}} = any (spenders::@user_type@[]){{status_condition}}
        order by s.{{user_column}}, s.id
      ) a on a.spender = e.spender::@user_type@
    );
  end if;
  return (
    with spending as materialized (
      select u.spender, creditgate.subscription_of(u.spender) as subscription
      from (select distinct d.spender from unnest(spenders) as d (spender) where d.spender is not null) u
    )
    select array_agg(s.subscription order by e.n)
    from unnest(spenders) with ordinality as e (spender, n)
    left join spending s on s.spender = e.spender
  );
end
$body$
$function$, '@user_type@', user_type), '@generated@',
    coalesce((select md5(p.prosrc) from pg_catalog.pg_proc p
              where p.oid = to_regprocedure('creditgate.subscription_of(uuid)')
                and md5(p.prosrc) = substring(obj_description(p.oid, 'pg_proc') from 'generated ([0-9a-f]{32})')), 'edited'));
end
$migration$;
revoke all on function creditgate.subscriptions_of_users(uuid[]) from public, anon, authenticated, service_role;
