import { afterEach, describe, expect, it, vi } from 'vitest'
import type { GuardEvent } from '../../src/events.ts'
import { createGuard } from '../../src/guard.ts'
import type { GuardOptions, RouteOptions } from '../../src/guard-options.ts'
import type { Identity, User } from '../../src/identity/identity.ts'
import { createFault } from '../../src/ledger/fault.ts'
import type { Outcome } from '../../src/outcome.ts'
import { createScriptedLedger } from './scripted-ledger.ts'

/** What a route may ask for besides an amount: what the guard then asks of the database, and what it makes of the answer. */

const user: User = { id: '6f1ab1b6-8b0e-4bd5-9f7b-0c3a3a0f7b11', anonymous: false, clientId: undefined, claims: { session_id: '0198f6b4-0000-7000-8000-000000000001' } }
const identity: Identity = { verify: (token) => Promise.resolve(token === 'good' ? { outcome: 'verified', user } : { outcome: 'rejected' }) }
const balance = { remaining: 90, resetsIn: null, resetsAt: null }
const reserved = (amounts: Record<string, number>) => ({ outcome: 'reserved', subscription: 's', amounts, balances: Object.fromEntries(Object.keys(amounts).map((type) => [type, balance])) })
const finished: Outcome = { status: 200, threw: false, ended: 'finished', started: true }
const insufficient = { outcome: 'insufficient', creditType: 'ai', required: 2, available: 1, resetsAt: null }

function create(script: Parameters<typeof createScriptedLedger>[0], options: Partial<GuardOptions<'ai' | 'lead' | 'skipTrace'>> = {}) {
  const events: GuardEvent[] = []
  const ledger = createScriptedLedger({ commit: { outcome: 'committed', amounts: { ai: 2 } }, refund: { outcome: 'refunded' }, ...script })
  const guard = createGuard({ identity, ledger, onEvent: (event) => events.push(event), ...options })
  const request = (given: object = {}) => ({ method: 'POST', authorization: 'Bearer good', context: {}, ...given })
  const admit = (route: RouteOptions = {}, given: object = {}) => guard.requireCredits<object>('ai', 2, route).admit(request(given))
  return { guard, ledger, events, request, admit }
}

function expectAdmitted(admission: Awaited<ReturnType<ReturnType<typeof create>['admit']>>) {
  if (admission.outcome !== 'admitted') expect.fail(`not admitted: ${admission.outcome}`)
  const { credits, headers, recorder } = admission
  return { credits, headers, recorder, settle: (outcome: Outcome) => admission.settle(outcome) }
}

describe('several types', () => {
  it('are reserved and committed in one call each', async () => {
    const { guard, ledger, request, events } = create({ reserve: reserved({ ai: 2, skipTrace: 1 }), commit: { outcome: 'committed', amounts: { ai: 1, skipTrace: 1 } } })
    const admission = expectAdmitted(await guard.requireCredits<object>({ ai: 2, skipTrace: 1 }).admit(request()))
    expect(admission.credits).toMatchObject({ creditType: 'ai', amount: 2, remaining: 90, amounts: { ai: 2, skipTrace: 1 } })
    expect(admission.headers).toMatchObject({ 'Credits-Remaining': 'ai=90, skip-trace=90' })
    admission.credits.commit({ ai: 1 })
    await admission.settle(finished)
    expect(ledger.calls.map(({ operation, request: asked }) => [operation, asked['amounts']])).toEqual([['reserve', { ai: 2, skipTrace: 1 }], ['commit', { ai: 1, skipTrace: 1 }]])
    expect(events.map(({ type }) => type)).toEqual(['reserved', 'settled'])
  })

  it('need an amount for each: a plain number is refused by the handle', async () => {
    const { guard, request } = create({ reserve: reserved({ ai: 2, lead: 1 }) })
    const { credits } = expectAdmitted(await guard.requireCredits<object>({ ai: 2, lead: 1 }).admit(request()))
    expect(() => credits.commit(1)).toThrow(/for each of ai, lead/)
    expect(() => credits.report({ skipTrace: 1 })).toThrow(/"skipTrace", which is not reserved/)
  })

  it('cannot be required again by another guard of the route', async () => {
    const { guard, request, events } = create({ reserve: reserved({ ai: 2, lead: 1 }) })
    const given = request()
    await guard.requireCredits<object>({ ai: 2, lead: 1 }).admit(given)
    expect(await guard.requireCredits<object>('lead', 1).admit(given)).toMatchObject({ outcome: 'denied', problem: { name: 'server-error' } })
    expect(events).toContainEqual(expect.objectContaining({ type: 'fault', error: expect.objectContaining({ message: expect.stringContaining('requires lead credits twice') as string }) as Error }))
  })
})

describe('what is affordable', () => {
  it('is asked for with its least, and the handler is told how much it is', async () => {
    const { ledger, admit } = create({ reserve: reserved({ ai: 1 }), commit: { outcome: 'committed', amounts: { ai: 1 } } })
    const { credits, settle } = expectAdmitted(await admit({ affordable: { min: 1 } }))
    expect(ledger.calls[0]?.request['least']).toEqual({ ai: 1 })
    expect(credits).toMatchObject({ amount: 1, amounts: { ai: 1 } })
    await settle(finished)
    expect(ledger.calls[1]?.request['amounts']).toEqual({ ai: 1 })
  })

  it('is no more than what is asked for', async () => {
    const { ledger, admit } = create({ reserve: reserved({ ai: 2 }) })
    await admit({ affordable: { min: 50 } })
    expect(ledger.calls[0]?.request['least']).toEqual({ ai: 2 })
  })
})

describe('a surplus', () => {
  it('is asked for only when the handler used more', async () => {
    const { ledger, admit, events } = create({ reserve: reserved({ ai: 2 }), commit: [{ outcome: 'committed', amounts: { ai: 2 } }, { outcome: 'committed', amounts: { ai: 5 } }, { outcome: 'committed', amounts: { ai: 2 } }] })
    for (const actual of [2, 5, 9]) {
      const { credits, settle } = expectAdmitted(await admit({ surplus: 'reserve-more' }))
      credits.commit(actual)
      await settle(finished)
    }
    expect(ledger.calls.filter(({ operation }) => operation === 'commit').map(({ request: { amounts, more } }) => [amounts, more])).toEqual([[{ ai: 2 }, undefined], [{ ai: 5 }, true], [{ ai: 9 }, true]])
    expect(events.filter(({ type }) => type === 'overage')).toMatchObject([{ actual: { ai: 9 }, charged: { ai: 2 } }])
  })
})

describe('a session', () => {
  it('is asked about where the guard verifies it', async () => {
    const { ledger, admit } = create({ reserve: [reserved({ ai: 2 }), { outcome: 'session_over' }] }, { verifySession: true })
    expectAdmitted(await admit())
    expect(ledger.calls[0]?.request['session']).toBe(user.claims['session_id'])
    expect(await admit()).toMatchObject({ outcome: 'denied', problem: { name: 'invalid-token', status: 401 } })
  })

  it('that a token does not name is none', async () => {
    const { ledger, admit } = create({}, { verifySession: true, identity: { verify: () => Promise.resolve({ outcome: 'verified', user: { ...user, claims: {} } }) } })
    expect(await admit()).toMatchObject({ outcome: 'denied', problem: { name: 'invalid-token' } })
    expect(ledger.calls).toEqual([])
  })

  it('is not asked about by default', async () => {
    const { ledger, admit } = create({ reserve: reserved({ ai: 2 }) })
    await admit()
    expect(ledger.calls[0]?.request).not.toHaveProperty('session')
  })
})

it('too many calls that are open are 429, to be tried again', async () => {
  const { admit } = create({ reserve: { outcome: 'too_many_open', most: 1000 } })
  expect(await admit()).toMatchObject({ outcome: 'denied', problem: { name: 'too-many-open', status: 429, headers: { 'Retry-After': '5' } } })
})

describe('claims that were verified in front of the guard', () => {
  it('are taken where the identity accepts them, by its rules and those of the route', async () => {
    const accept = vi.fn((claims: unknown) => (claims === 'good' ? { outcome: 'verified' as const, user } : { outcome: 'rejected' as const }))
    const { admit } = create({ reserve: reserved({ ai: 2 }) }, { identity: { ...identity, accept } })
    expectAdmitted(await admit({}, { authorization: undefined, claims: 'good' }))
    expect(await admit({}, { authorization: 'Bearer good', claims: 'bad' })).toMatchObject({ problem: { name: 'invalid-token' } })
    expect(await admit({}, { authorization: 'Bearer bad', claims: undefined })).toMatchObject({ problem: { name: 'invalid-token' } })
    expect(accept).toHaveBeenCalledTimes(2)
  })

  it('mean nothing to an identity that does not accept them', async () => {
    const { admit } = create({ reserve: reserved({ ai: 2 }) })
    expect(await admit({}, { authorization: undefined, claims: 'good' })).toMatchObject({ problem: { name: 'unauthenticated' } })
  })
})

describe('a stored response', () => {
  const response = { status: 201, headers: { 'content-type': 'text/plain' }, body: Buffer.from('text').toString('base64') }
  const keyed = { idempotencyKey: 'k' }

  it('is asked for only on routes that replay, and sent again', async () => {
    const { admit, events } = create({ reserve: { outcome: 'already_charged', reservation: 'earlier', response } })
    expect(await admit({}, keyed)).toMatchObject({ outcome: 'denied', problem: { name: 'already-charged' } })
    const replayed = await admit({ replay: true }, keyed)
    expect(replayed).toMatchObject({ outcome: 'replayed', reservation: 'earlier', response: { status: 201, headers: { 'idempotency-replayed': 'true' } } })
    expect(Buffer.from(replayed.outcome === 'replayed' ? replayed.response.body : '').toString()).toBe('text')
    expect(events.at(-1)).toEqual({ type: 'replayed', reservation: 'earlier', user: user.id, creditTypes: ['ai'] })
  })

  it('goes with the commit of a response that finished', async () => {
    const { admit, ledger } = create({ reserve: reserved({ ai: 2 }) })
    const admission = expectAdmitted(await admit({ replay: true }, keyed))
    admission.recorder?.begin(201, [['Content-Type', 'text/plain']])
    admission.recorder?.write(Buffer.from('text'))
    await admission.settle(finished)
    expect(ledger.calls.at(-1)).toMatchObject({ operation: 'commit', request: { response } })
  })

  it.each<[string, Outcome]>([['was cut off', { ...finished, ended: 'aborted' }], ['failed', { ...finished, status: 500 }]])('is not kept when it %s', async (_how, outcome) => {
    const { admit, ledger } = create({ reserve: reserved({ ai: 2 }) })
    const admission = expectAdmitted(await admit({ replay: true }, keyed))
    admission.recorder?.begin(200, [])
    await admission.settle(outcome)
    expect(ledger.calls.at(-1)?.request).not.toHaveProperty('response')
  })

  it('is not taken down where the route does not replay, or no key was given', async () => {
    const { admit } = create({ reserve: reserved({ ai: 2 }) })
    expect(expectAdmitted(await admit({}, keyed)).recorder).toBeUndefined()
    expect(expectAdmitted(await admit({ replay: true })).recorder).toBeUndefined()
  })
})

describe('in shadow mode', () => {
  it('a call that would be admitted is asked about, and charged nothing', async () => {
    const { ledger, events, admit } = create({ reserve: reserved({ ai: 2 }) }, { mode: 'shadow' })
    const { credits, headers, settle } = expectAdmitted(await admit())
    expect(credits).toMatchObject({ amount: 2, remaining: 90, user })
    expect(headers).toEqual({ 'Credits-Mode': 'shadow', 'Credits-Remaining': 'ai=90', 'Access-Control-Expose-Headers': 'Credits-Remaining, Credits-Mode' })
    credits.commit(1)
    await settle(finished)
    await settle(finished)
    expect(ledger.calls.map(({ operation, request: { dryRun } }) => [operation, dryRun])).toEqual([['reserve', true]])
    expect(events).toEqual([
      { type: 'shadowed', user: user.id, creditTypes: ['ai'], amounts: { ai: 2 }, problem: undefined },
      { type: 'shadow-settled', user: user.id, outcome: 'committed', amounts: { ai: 1 } },
    ])
    expect(await credits.detach()).toBe(credits.id)
    expect(credits.id).toMatch(/^[0-9a-f-]{36}$/)
  })

  it.each<[string, object, unknown, string]>([
    ['has no token', { authorization: undefined }, reserved({ ai: 2 }), 'unauthenticated'],
    ['has too few credits', {}, insufficient, 'insufficient-credits'],
    ['meets an outage', {}, createFault('57P03', 'starting up'), 'credits-unavailable'],
    ['has a malformed key', { idempotencyKey: '' }, reserved({ ai: 2 }), 'invalid-request'],
  ])('a call that %s passes all the same, and the event says why it would not', async (_what, given, answer, problem) => {
    const { events, admit, ledger } = create({ reserve: answer as Error }, { mode: 'shadow' })
    const { credits, headers, settle } = expectAdmitted(await admit({}, given))
    expect([credits.amount, headers['Credits-Mode']]).toEqual([2, 'shadow']) // as much as it asked for: the handler is none the wiser
    await settle(finished)
    expect(events.at(-1)).toMatchObject({ type: 'shadowed', problem })
    expect(events.filter(({ type }) => type === 'denied')).toEqual([])
    expect(ledger.calls.every(({ operation }) => operation === 'reserve')).toBe(true)
  })

  it('a route may be alone in it, or alone out of it', async () => {
    const shadow = create({ reserve: insufficient })
    expectAdmitted(await shadow.admit({ mode: 'shadow' }))
    const enforce = create({ reserve: insufficient }, { mode: 'shadow' })
    expect(await enforce.admit({ mode: 'enforce' })).toMatchObject({ outcome: 'denied' })
  })
})

describe('while the database cannot be reached', () => {
  afterEach(() => void vi.useRealTimers())
  const down = createFault('ECONNREFUSED', 'down')

  it('a route is closed by default', async () => {
    const { admit } = create({ reserve: down })
    expect(await admit()).toMatchObject({ outcome: 'denied', problem: { name: 'credits-unavailable', status: 503 } })
  })

  it('a route may be open up to a bound, and what it admitted is collected', async () => {
    const { admit, events, guard, ledger } = create({ reserve: [down, down, down, down, down, down, reserved({ ai: 2 })] })
    const route = { onOutage: { openUpTo: 3 } }
    const admission = expectAdmitted(await admit(route))
    expect(admission.credits).toMatchObject({ amount: 2, remaining: null })
    await expect(admission.credits.detach()).rejects.toThrow(/nothing is held/)
    await admission.settle(finished)
    expect(await guard.close()).toBe(0)
    expect(ledger.calls.at(-1)).toMatchObject({ operation: 'commit', request: { id: admission.credits.id } })
    expect(events.filter(({ type }) => type !== 'fault').map(({ type }) => type)).toEqual(['opened', 'settled', 'collected'])
  })

  it('the bound is that of the route, over all its calls', async () => {
    const { guard, request } = create({ reserve: down })
    const gate = guard.requireCredits<object>('ai', 2, { onOutage: { openUpTo: 3 } })
    expectAdmitted(await gate.admit(request()))
    expect(await gate.admit(request())).toMatchObject({ outcome: 'denied', problem: { name: 'credits-unavailable' } })
  })

  it('a response that was admitted ends without waiting for the database', async () => {
    const { admit, events, guard } = create({ reserve: down })
    const admission = expectAdmitted(await admit({ onOutage: { openUpTo: 3 } }))
    await admission.settle(finished)
    expect(events.some(({ type }) => type === 'collected')).toBe(false)
    expect(await guard.close({ withinSeconds: 0.01 })).toBe(1)
  })

  it('a locked row is none: a client could bring it about', async () => {
    const { admit, events } = create({ reserve: createFault('55P03', 'in the way') })
    expect(await admit({ onOutage: { openUpTo: 100 } })).toMatchObject({ outcome: 'denied', problem: { name: 'credits-unavailable' } })
    expect(events.some(({ type }) => type === 'opened')).toBe(false)
  })

  it('a full queue is none while somebody else has an answer', async () => {
    const { admit, events } = create({ reserve: [down, reserved({ ai: 2 }), down, down] })
    const [first, second] = await Promise.all([admit({ onOutage: { openUpTo: 100 } }), admit({ onOutage: { openUpTo: 100 } })])
    expect([first.outcome, second.outcome].sort()).toEqual(['admitted', 'denied'])
    expect(events.some(({ type }) => type === 'opened')).toBe(false)
  })

  it('work without a route cannot be open: each call would have a bound of its own', async () => {
    await expect(create({ reserve: down }).guard.reserve(user.id, 'ai', 2, { onOutage: { openUpTo: 3 } })).rejects.toThrow(/onOutage/)
  })

  it('a wrong set-up is no outage', async () => {
    const { admit } = create({ reserve: createFault('42501', 'permission denied') })
    expect(await admit({ onOutage: { openUpTo: 100 } })).toMatchObject({ outcome: 'denied', problem: { name: 'server-error' } })
  })
})

describe('without a request', () => {
  it('a user is believed, and the rest is the same', async () => {
    const { guard, ledger, events } = create({ reserve: reserved({ ai: 2 }) })
    const admission = expectAdmitted(await guard.reserve(user.id.toUpperCase(), 'ai', 2))
    expect(ledger.calls[0]?.request).toMatchObject({ user: user.id, amounts: { ai: 2 } })
    await admission.settle(finished)
    expect(events.map(({ type }) => type)).toEqual(['reserved', 'settled'])
  })

  it('is denied like a request', async () => {
    const { guard, events } = create({ reserve: insufficient })
    expect(await guard.reserve(user.id, { ai: 2 })).toMatchObject({ outcome: 'denied', problem: { status: 402 } })
    expect(events).toEqual([{ type: 'denied', problem: 'insufficient-credits', user: user.id, creditTypes: ['ai'] }])
  })

  it('what is no user is refused', async () => {
    await expect(create({}).guard.reserve('somebody', 'ai', 2)).rejects.toThrow(TypeError)
  })
})
