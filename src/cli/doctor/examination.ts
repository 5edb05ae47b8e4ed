import type { CompleteDatabaseConfig } from '../../migration.ts'
import { describeFailure, type Database } from '../database.ts'
import { createFinding, type Finding } from './finding.ts'
import { checkFunctionGrants } from './function-grants-check.ts'
import { checkIndexes } from './index-check.ts'
import { checkStuck, checkViolations } from './ledger-check.ts'
import { checkRows } from './rows-check.ts'
import { readScene, type Scene } from './scene.ts'
import { checkSubscriptionOf, checkVersion } from './schema-check.ts'
import { checkClock, checkDurability, describeServer } from './server-check.ts'
import { checkTableAccess } from './table-access-check.ts'
import { checkViewAccess } from './view-access-check.ts'

type Check = (scene: Scene) => Promise<readonly Finding[]>

const CHECKS: Readonly<Record<string, Check>> = {
  grants: checkFunctionGrants,
  'table-access': checkTableAccess,
  'view-access': checkViewAccess,
  indexes: checkIndexes,
  rows: checkRows,
  violations: checkViolations,
  reservations: checkStuck,
  clock: checkClock,
  durability: checkDurability,
}

/** Runs every check. One that cannot be made says so and does not keep the others from being made. */
export async function examine(database: Database, config: CompleteDatabaseConfig): Promise<readonly Finding[]> {
  let scene: Scene
  try {
    scene = await readScene(database, config)
  } catch (error) {
    return [refuse('schema', 'error', error)]
  }
  const findings = [describeServer(scene), ...checkVersion(scene.version), ...(scene.version === null ? [] : await checkSubscriptionOf(scene))]
  for (const [name, check] of Object.entries(CHECKS)) {
    findings.push(...(await check(scene).catch((error: unknown) => [refuse(name, 'warning', error)])))
  }
  return findings
}

function refuse(check: string, severity: 'warning' | 'error', error: unknown): Finding {
  const denied = (error as { readonly code?: unknown }).code === '42501'
  return createFinding(check, severity, `could not be looked at: ${describeFailure(error)}`, denied ? { means: 'Connect as the role that ran the migration; on Supabase that is postgres.' } : {})
}
