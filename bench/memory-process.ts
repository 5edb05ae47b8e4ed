import { createGuard, type Verification } from 'creditgate'
import { createStubLedger } from './stub-ledger.ts'

/** So many calls were made, and so many bytes are resident. */
export interface MemorySample {
  readonly calls: number
  readonly residentBytes: number
}

const FINISHED = Object.freeze({ status: 200, threw: false, ended: 'finished', started: true })
const CALLERS = 64
/** More than any cache of the guard remembers. */
const USERS = 50_000
const SAMPLES = 100

const calls = Number(process.argv[2])
const users = Array.from({ length: USERS }, () => crypto.randomUUID())
const identity = { verify: (token: string): Promise<Verification> => Promise.resolve({ outcome: 'verified', user: { id: token, anonymous: false, clientId: undefined, claims: {} } }) }
const guard = createGuard({ identity, ledger: createStubLedger() })
const gate = guard.requireCredits<object>('ai', 1)
let made = 0

async function callInTurn(): Promise<void> {
  while (made < calls) {
    made += 1
    if (made % (calls / SAMPLES) === 0) process.send?.({ calls: made, residentBytes: process.memoryUsage.rss() } satisfies MemorySample)
    const admission = await gate.admit({ method: 'POST', authorization: `Bearer ${users[made % USERS] ?? ''}`, context: {} })
    if (admission.outcome !== 'admitted') throw new Error(`not admitted: ${admission.outcome}`)
    await admission.settle(FINISHED)
    // Now and then the event loop turns, as it does between the calls of a server: timers and signals are let go of only then.
    if (made % CALLERS === 0) await new Promise((resolve) => setImmediate(resolve))
  }
}

await Promise.all(Array.from({ length: CALLERS }, callInTurn))
process.disconnect()
