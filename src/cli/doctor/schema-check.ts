import { SCHEMA_VERSION } from '../../schema-version.ts'
import { createFinding, orOk, type Finding } from './finding.ts'
import type { Scene } from './scene.ts'

const MIGRATE = 'npx creditgate init && npx supabase db push'

/** Which version the database has; also what the Data API can tell. null: it is not set up. */
export function checkVersion(version: number | null): readonly Finding[] {
  if (version === null) {
    return [createFinding('schema', 'error', 'creditgate is not set up in this database', { means: 'Every guarded route answers 500.', command: MIGRATE })]
  }
  if (version < SCHEMA_VERSION) {
    return [createFinding('schema', 'error', `schema version ${version}, older than ${SCHEMA_VERSION}, which this package needs`, { means: 'Every guarded route answers 500.', command: MIGRATE })]
  }
  if (version > SCHEMA_VERSION) {
    return [createFinding('schema', 'error', `schema version ${version}, newer than ${SCHEMA_VERSION}, which this package knows`, { means: 'Every guarded route answers 500.', command: 'npm install creditgate@latest' })]
  }
  return [createFinding('schema', 'ok', `schema version ${version}`)]
}

/** Whether the user's own `subscription_of` decides: no fault, and a migration leaves it alone. */
export function checkSubscriptionOf({ subscriptions }: Scene): Promise<readonly Finding[]> {
  const findings = subscriptions?.edited === true
    ? [createFinding('subscription-of', 'info', 'creditgate.subscription_of(uuid) is your own', { means: 'A migration leaves it alone; which subscription a user spends from is up to it. Other settings for the subscription table have no effect on it.' })]
    : []
  return Promise.resolve(orOk('subscription-of', findings, 'creditgate.subscription_of(uuid) is as it was generated'))
}
