-- Everything of ours that is not an entry point lives here, and the Data API does not expose it.
create schema if not exists creditgate;
revoke all on schema creditgate from public, anon, authenticated, service_role;
-- A signed-in user reaches one function in it, creditgate.own_balance(); every other object is revoked from them by name.
grant usage on schema creditgate to authenticated;
comment on schema creditgate is 'Credits held for calls to paid routes. Made by creditgate; see https://www.npmjs.com/package/creditgate';
