insert into creditgate.schema_versions (version) values ({{schema_version}}) on conflict (version) do nothing;
-- What an identity column counts with has no statement of its own beside which its revoke could stand.
revoke all on all sequences in schema creditgate from public, anon, authenticated, service_role;
-- Hosted projects reload by themselves; elsewhere the Data API must be told that there are new functions.
notify pgrst, 'reload schema';
