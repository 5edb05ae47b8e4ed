import type { PGlite } from '@electric-sql/pglite'
import { createAccount, type Grant } from './accounts.ts'
import type { RunningExamples } from './running-examples.ts'
import type { SupabaseInAProcess } from './supabase-in-a-process.ts'

const GRANTS: readonly Grant[] = [
  { creditType: 'ai', name: 'plan', allotted: 1000, resetInDays: 30 },
  { creditType: 'lead', name: 'plan', allotted: 500, resetInDays: 30 },
  { creditType: 'skipTrace', name: 'plan', allotted: 50, resetInDays: 30 },
]

/** Signs a fresh user in and writes, for a shell, one call to each example. */
export async function describeCurlCalls({ database, auth }: SupabaseInAProcess, { urls }: RunningExamples): Promise<string> {
  const token = await createCaller(database, auth)
  const json = '-H Content-Type:application/json -d'
  const curl = (rest: string) => `curl -isSN -w '\\n' -H "Authorization: Bearer $TOKEN" ${rest}`
  return [
    `TOKEN=${token}`,
    curl(`${json} '{"prompt": "Explain credits.", "maxTokens": 40}' ${urls.aiEndpoint}/generate`),
    curl(`'${urls.leadExport}/leads.csv?state=TX&rows=5'`),
    curl(`${json} '{"name": "Jane Doe", "city": "Austin"}' ${urls.skipTrace}/skip-trace`),
  ].join('\n')
}

async function createCaller(database: PGlite, auth: SupabaseInAProcess['auth']): Promise<string> {
  const { user } = await createAccount(database, GRANTS)
  return auth.signIn(user, '30d')
}

/** Resolves on Ctrl-C, or when the process is asked to end. Further ones do not cut the closing short. */
export function waitForInterrupt(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve())
  })
}
