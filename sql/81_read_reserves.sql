-- What an array of reserves asks for, by position, whether it is an array of objects or stands in columns. A type that is null
-- marks an element that is to be answered by itself: it names several types, or asks for more than a reservation.
-- Raises an error where an element is malformed, or two have one id.
create or replace function creditgate.read_reserves(
  requests jsonb, out ids uuid[], out spenders uuid[], out types text[], out needs integer[], out leases integer[], out amounts jsonb[],
  out keys text[], out fingerprints text[])
language plpgsql stable
set search_path = ''
set plan_cache_mode = force_generic_plan
set jit = off
set enable_nestloop = off
as $$
declare
  well_formed boolean;
begin
  if jsonb_typeof(requests) = 'object' then
    select c.ids, c.users, c."creditTypes", c.amounts, c.leases, c.keys, c.fingerprints,
           -- As they came: a UUID may be written in other ways, and a number as a string.
           to_jsonb(c.ids) = requests -> 'ids' and to_jsonb(c.users) = requests -> 'users' and array_position(c.ids, null) is null
             and to_jsonb(c.amounts) = requests -> 'amounts' and to_jsonb(c.leases) = requests -> 'leases'
             and array[cardinality(c.users), cardinality(c."creditTypes"), cardinality(c.amounts), cardinality(c.leases)] = array_fill(cardinality(c.ids), array[4])
             and array_position(c.users, null) is null and array_position(c."creditTypes", null) is null
             and 0 <= all (c.amounts) and 1 <= all (c.leases) and 900 >= all (c.leases)
    into ids, spenders, types, needs, leases, keys, fingerprints, well_formed
    from jsonb_to_record(requests) as c (ids uuid[], users uuid[], "creditTypes" text[], amounts integer[], leases integer[], keys text[], fingerprints text[]);
    if well_formed and requests ?| array['keys', 'fingerprints'] then
      select count(*) = cardinality(ids) and bool_and((creditgate.is_key(i.key) and creditgate.is_key(i.fingerprint)) or (i.key = 'null' and i.fingerprint = 'null'))
      into well_formed
      from rows from (jsonb_array_elements(requests -> 'keys'), jsonb_array_elements(requests -> 'fingerprints')) as i (key, fingerprint);
    end if;
    amounts := array(select jsonb_build_object(e.credit_type, e.need) from unnest(types, needs) as e (credit_type, need));
  else
    -- In the order of the array, as nothing here sorts.
    select array_agg(r.id), array_agg(r.spender), array_agg(r.credit_type), array_agg(r.need), array_agg(r.lease), array_agg(r.amounts),
           array_agg(r.idempotency ->> 'key'), array_agg(r.idempotency ->> 'fingerprint'),
           bool_and(coalesce(r.id::text = r.given_id and r.spender::text = r.given_user, false) and coalesce(r.lease between 1 and 900, false)
             and r.amounts is not null and coalesce(r.need >= 0, r.credit_type is null)
             and (r.idempotency is null
                  or (creditgate.is_key(r.idempotency -> 'key') and creditgate.is_key(r.idempotency -> 'fingerprint'))))
           -- What is null is absent for a record, but malformed for the plain way.
           and not jsonb_path_exists(requests, '$[*] ? (@.idempotency == null)')
    into ids, spenders, types, needs, leases, amounts, keys, fingerprints, well_formed
    from (
      select t.id as given_id, t.id::uuid, t."user" as given_user, t."user"::uuid as spender, t.credit_type, (t.amounts -> t.credit_type)::text::integer as need,
             t.lease::text::integer, t.amounts, t.idempotency
      from (
        select e.*,
               case
                 -- {{each type}}
                 when e.amounts ? {{type}} and e.amounts - {{type}} = '{}' then {{type}}
                 -- {{end}}
               end as credit_type
        from jsonb_to_recordset(requests) as e (id text, "user" text, amounts jsonb, lease jsonb, idempotency jsonb) offset 0
      ) t
      offset 0
    ) r;
    if requests @? '$[*] ? (exists (@.least) || exists (@.session) || exists (@.dryRun))' then
      types := array(select case when not e.value ?| array['least', 'session', 'dryRun'] then types[e.n] end
                     from jsonb_array_elements(requests) with ordinality as e (value, n) order by e.n);
    end if;
  end if;
  if well_formed is distinct from true or (select count(distinct i.id) from unnest(ids) as i (id)) < cardinality(ids) then
    raise exception 'creditgate: an element is malformed, or two have one id' using errcode = '22023';
  end if;
end
$$;
revoke all on function creditgate.read_reserves(jsonb) from public, anon, authenticated, service_role;
