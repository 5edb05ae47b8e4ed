insert into creditgate.schema_versions (version) values ({{schema_version}}) on conflict (version) do nothing;
-- Hosted projects reload by themselves; elsewhere the Data API must be told that there are new functions.
notify pgrst, 'reload schema';
