import { createGuard } from '../../src/guard.ts'
import type { RouteOptions } from '../../src/guard-options.ts'
import type { Verification } from '../../src/identity/identity.ts'
import { createFault } from '../../src/ledger/fault.ts'
import type { Problem, ProblemName } from '../../src/problem.ts'
import { createScriptedLedger, type Step } from '../unit/scripted-ledger.ts'

interface Provocation {
  readonly verification?: Verification
  readonly authorization?: string | undefined
  readonly idempotencyKey?: string
  readonly amount?: number
  readonly route?: RouteOptions
  readonly answer?: Step
}

const user = { id: '6f1ab1b6-8b0e-4bd5-9f7b-0c3a3a0f7b11', anonymous: false, clientId: undefined, claims: {} }

/** Makes a whole guard give each problem there is, in every form that its body has. */
export const PROVOCATIONS: Readonly<Record<ProblemName, readonly Provocation[]>> = {
  'invalid-request': [
    { authorization: 'Bearer one, Bearer two' },
    { idempotencyKey: 'two words' },
    { route: { idempotency: 'required' } },
    { amount: 1.5 },
  ],
  unauthenticated: [{ authorization: undefined }],
  'invalid-token': [{ verification: { outcome: 'rejected' } }],
  'subscription-required': [{ answer: { outcome: 'no_subscription' } }],
  'insufficient-credits': [
    { answer: { outcome: 'insufficient', creditType: 'ai', required: 5, available: 3, resetsAt: '2026-12-01T00:00:00Z' } },
    { answer: { outcome: 'insufficient', creditType: 'ai', required: 5, available: 0, resetsAt: null } },
  ],
  forbidden: [{ verification: { outcome: 'verified', user: { ...user, anonymous: true } } }, { verification: { outcome: 'verified', user: { ...user, clientId: 'app' } } }],
  'request-in-progress': [{ idempotencyKey: 'key', answer: { outcome: 'in_progress', endsIn: 60 } }],
  'already-charged': [{ idempotencyKey: 'key', answer: { outcome: 'already_charged', reservation: 'r' } }],
  'idempotency-key-reused': [{ idempotencyKey: 'key', answer: { outcome: 'key_reused' } }],
  'too-many-open': [{ answer: { outcome: 'too_many_open', most: 1000 } }],
  'server-error': [{ answer: createFault('42501', 'permission denied') }, { answer: { outcome: 'invalid', reason: 'user must be a UUID' } }],
  'credits-unavailable': [{ answer: createFault('55P03', 'canceling statement due to lock timeout') }, { verification: { outcome: 'unavailable', cause: new Error('no keys') } }],
}

/** The problem that a guard with a `topUpUrl` answers such a request with. */
export async function provoke(provocation: Provocation): Promise<Problem> {
  const { verification = { outcome: 'verified', user }, amount = 5, route = {}, answer = new Error('not to be asked'), idempotencyKey } = provocation
  const guard = createGuard({
    identity: { verify: () => Promise.resolve(verification) },
    ledger: createScriptedLedger({ reserve: answer, refund: { outcome: 'refunded' } }),
    topUpUrl: 'https://example.com/credits',
    onEvent: () => undefined,
  })
  const authorization = 'authorization' in provocation ? provocation.authorization : 'Bearer good'
  const admission = await guard.requireCredits('ai', () => amount, route).admit({ method: 'POST', authorization, idempotencyKey, context: {} })
  if (admission.outcome !== 'denied') throw new Error('admitted')
  return admission.problem
}
