import { randomBytes, randomUUID } from 'node:crypto'
import type { Library } from './library.ts'
import { findPercentiles, type Percentiles } from './load.ts'
import type { Plan } from './plan.ts'
import { createStubLedger } from './stub-ledger.ts'
import { signToken, TOKEN_URL } from './token.ts'

const FINISHED = Object.freeze({ status: 200, threw: false, ended: 'finished', started: true })

/** What the guard itself costs a call: admit and settle with a verified token in the cache and a ledger that answers at once. In microseconds. */
export async function measureOverhead(library: Library, { overheadCalls }: Plan): Promise<Percentiles> {
  const secret = randomBytes(32).toString('hex')
  const guard = library.createGuard({ identity: library.supabaseJwt({ url: TOKEN_URL, secret }), ledger: createStubLedger() })
  const gate = guard.requireCredits<object>('ai', 1)
  const authorization = `Bearer ${await signToken(randomUUID(), secret)}`
  const microseconds: number[] = []
  for (let call = -overheadCalls; call < overheadCalls; call += 1) {
    const asked = performance.now()
    const admission = await gate.admit({ method: 'POST', authorization, context: {} })
    if (admission.outcome !== 'admitted') throw new Error(`not admitted: ${admission.outcome}`)
    await admission.settle(FINISHED)
    if (call >= 0) microseconds.push((performance.now() - asked) * 1000)
  }
  return findPercentiles(microseconds)
}
