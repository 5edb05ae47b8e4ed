-- Whether a session of Supabase Auth still exists for a user who may still sign in. A signed token stays good until it
-- expires; a session that was ended, and a user who was banned or deleted, show only here.
create or replace function creditgate.session_stands(spender uuid, session uuid)
returns boolean
language plpgsql stable
set search_path = ''
as $$
begin
  return exists (
    select from auth.sessions s
    join auth.users u on u.id = s.user_id
    where s.id = session and s.user_id = spender
      and coalesce(s.not_after > now(), true) and coalesce(u.banned_until <= now(), true) and u.deleted_at is null);
end
$$;
revoke all on function creditgate.session_stands(uuid, uuid) from public, anon, authenticated, service_role;
