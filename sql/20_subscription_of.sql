-- The one place that says which subscription a user spends from, and what "active" means. Yours to edit
-- (organisations, seats, several plans): once its body differs from what was generated here, a later
-- migration leaves it alone. It must return null for a user who has no active subscription.
do $$
declare
  user_type constant text := (select format_type(a.atttypid, a.atttypmod) from pg_catalog.pg_attribute a
                              where a.attrelid = to_regclass({{subscription_table_literal}}) and a.attname = {{user_column_literal}});
  body constant text := replace($body$
begin
  return (
    select s.id
    from {{subscription_table}} s
    where s.{{user_column}} = spender::@user_type@{{status_condition}}
    order by s.id
    limit 1
  );
end
$body$, '@user_type@', user_type);
  present text;
  generated text;
begin
  select p.prosrc, substring(obj_description(p.oid, 'pg_proc') from 'generated ([0-9a-f]{32})') into present, generated
  from pg_catalog.pg_proc p where p.oid = to_regprocedure('creditgate.subscription_of(uuid)');

  if present is null or md5(present) = generated then
    execute format('create or replace function creditgate.subscription_of(spender uuid) returns uuid
                    language plpgsql stable set search_path = '''' as %L', body);
    execute format('comment on function creditgate.subscription_of(uuid) is %L',
                   'The active subscription a user spends from, or null. Edit it freely: a migration replaces it only while it is as generated ' || md5(body));
  else
    raise notice 'creditgate: creditgate.subscription_of(uuid) has been edited and is left as it is';
  end if;
end
$$;
revoke all on function creditgate.subscription_of(uuid) from public, anon, authenticated, service_role;
