-- The subscription that each request of an array is about, by position; null where it is malformed or about none.
create or replace function creditgate.subscriptions_about(requests jsonb)
returns uuid[]
language plpgsql volatile
set search_path = ''
as $$
declare
  spenders uuid[];
  known uuid[];
begin
  select array_agg(case when creditgate.is_uuid(e.request -> 'user') then (e.request ->> 'user')::uuid end order by e.n),
         array_agg(case when creditgate.is_uuid(e.request -> 'subscription') then (e.request ->> 'subscription')::uuid
                        when creditgate.is_uuid(e.request -> 'id')
                        then (select r.subscription_id from creditgate.reservations r where r.id = (e.request ->> 'id')::uuid) end order by e.n)
  into spenders, known
  from jsonb_array_elements(requests) with ordinality as e (request, n);
  return (
    select array_agg(coalesce(a.known, a.spent) order by a.n)
    from unnest(known, creditgate.subscriptions_of_users(spenders)) with ordinality as a (known, spent, n)
  );
end
$$;
revoke all on function creditgate.subscriptions_about(jsonb) from public, anon, authenticated, service_role;
