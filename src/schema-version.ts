/** The version of the database schema that this package works with; the database's own is in `creditgate.schema_versions`. */
export const SCHEMA_VERSION = 5
