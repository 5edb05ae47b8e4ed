import { describe, expect, it, vi } from 'vitest'
import type { Admission } from '../../src/admission.ts'
import type { Amount } from '../../src/amount.ts'
import type { GuardEvent } from '../../src/events.ts'
import { createGuard, type Guard } from '../../src/guard.ts'
import type { GuardOptions, RouteOptions } from '../../src/guard-options.ts'
import type { Identity, User } from '../../src/identity/identity.ts'
import { createFault } from '../../src/ledger/fault.ts'
import type { Outcome, Settlement } from '../../src/outcome.ts'
import { SCHEMA_VERSION } from '../../src/schema-version.ts'
import { createScriptedLedger, type ScriptedLedger, type Step } from './scripted-ledger.ts'

/** The order of a request's steps and what each refusal becomes. What the database does is proved on a real one. */

const user: User = { id: '6f1ab1b6-8b0e-4bd5-9f7b-0c3a3a0f7b11', anonymous: false, clientId: undefined, claims: {} }
const identity: Identity = {
  verify: (token) => Promise.resolve(token === 'good' ? { outcome: 'verified', user } : token === 'keyless' ? { outcome: 'unavailable', cause: new Error('no keys') } : { outcome: 'rejected' }),
}
const reserved = { outcome: 'reserved', subscription: 's', amounts: { ai: 2 }, balances: { ai: { remaining: 98, resetsIn: 60, resetsAt: '2026-12-01T00:00:00Z' } } }
const SCRIPT = { reserve: reserved, commit: { outcome: 'committed', amounts: { ai: 2 } }, refund: { outcome: 'refunded' }, extend: { outcome: 'extended', reported: null } } as const
const finished: Outcome = { status: 200, threw: false, ended: 'finished', started: true }

interface Scene {
  readonly guard: Guard<'ai' | 'lead' | 'skipTrace'>
  readonly ledger: ScriptedLedger
  readonly events: readonly GuardEvent[]
  readonly admit: (options?: { method?: string; authorization?: string; context?: object; amount?: Amount<object>; route?: RouteOptions }) => Promise<Admission>
}

function create(script: Parameters<typeof createScriptedLedger>[0] = {}, options: Partial<GuardOptions<'ai' | 'lead' | 'skipTrace'>> = {}, version?: Parameters<typeof createScriptedLedger>[1]): Scene {
  const events: GuardEvent[] = []
  const ledger = createScriptedLedger({ ...SCRIPT, ...script }, version)
  const guard = createGuard({ identity, ledger, onEvent: (event) => events.push(event), ...options })
  return {
    guard,
    ledger,
    events,
    admit: ({ method = 'POST', authorization = 'Bearer good', context = {}, amount = 2, route = {} } = {}) => guard.requireCredits<object>('ai', amount, route).admit({ method, authorization, context }),
  }
}

function expectAdmitted(admission: Admission) {
  if (admission.outcome !== 'admitted') expect.fail(`not admitted: ${admission.outcome}`)
  return { credits: admission.credits, headers: admission.headers, settle: (outcome: Outcome) => admission.settle(outcome) }
}

describe('at construction', () => {
  it('a route for an unknown credit type is refused, with the ones there are', () => {
    const { guard } = create()
    expect(() => guard.requireCredits('video' as 'ai', 1)).toThrow(TypeError)
    expect(() => guard.requireCredits('video' as 'ai', 1)).toThrow(/"video".*ai, lead, skipTrace/)
    expect(() => create({}, { creditTypes: ['lead'] }).guard.requireCredits('ai', 1)).toThrow(/"ai".*lead/)
    expect(() => guard.requireCredits('toString' as 'ai', 1)).toThrow(TypeError)
  })

  it.each([-1, 1.5, NaN, Infinity, 2 ** 53, '1', null, undefined, 1_000_001])('a route for %s credits is refused', (amount) => {
    expect(() => create().guard.requireCredits('ai', amount as number)).toThrow(TypeError)
  })

  it('a route with an option that does not exist is refused, and so is such a guard', () => {
    expect(() => create().guard.requireCredits('ai', 1, { meter: true } as RouteOptions)).toThrow(/meter/)
    expect(() => create({}, { lease: 5 } as never)).toThrow(/lease/)
  })

  it('nothing is asked of the database', () => {
    const { guard, ledger } = create()
    guard.requireCredits('ai', 1)
    expect(ledger.calls).toEqual([])
  })
})

describe('a request that is admitted', () => {
  it('holds the credits under a fresh id before the handler runs, and tells the handler and the client', async () => {
    const { admit, ledger, events } = create()
    const { credits, headers, settle } = expectAdmitted(await admit())
    expect(ledger.calls).toMatchObject([{ operation: 'reserve', request: { id: credits.id, user: user.id, amounts: { ai: 2 }, lease: 60 } }])
    expect(credits).toMatchObject({ creditType: 'ai', amount: 2, remaining: 98, user })
    expect(headers).toMatchObject({ 'Credits-Reservation': `ai="${credits.id}"`, 'Credits-Remaining': 'ai=98', 'Credits-Reset': 'ai=60' })
    expect(events).toEqual([{ type: 'reserved', reservation: credits.id, user: user.id, amounts: { ai: 2 } }])
    await settle(finished)
  })

  it('is settled by its outcome and by what the handler said', async () => {
    const { admit, ledger } = create()
    const { credits, settle } = expectAdmitted(await admit())
    credits.commit(1)
    await settle(finished)
    expect(ledger.calls.at(-1)).toMatchObject({ operation: 'commit', request: { id: credits.id, user: user.id, amounts: { ai: 1 } } })
  })

  it('is settled once, by the first outcome, however often it is asked for', async () => {
    const { admit, ledger } = create()
    const { settle } = expectAdmitted(await admit())
    await Promise.all([settle({ ...finished, status: 500 }), settle(finished), settle(finished)])
    await settle(finished)
    expect(ledger.calls.map(({ operation }) => operation)).toEqual(['reserve', 'refund'])
  })

  it('is not changed any more by a handler that talks after its end', async () => {
    const { admit, ledger } = create({ commit: [createFault('', 'fetch failed'), SCRIPT.commit] })
    const { credits, settle } = expectAdmitted(await admit())
    const settling = settle(finished)
    credits.refund()
    await settling
    credits.refund()
    expect(ledger.calls.map(({ operation }) => operation)).toEqual(['reserve', 'commit', 'commit'])
  })

  it("is settled by the route's own table, else by the guard's", async () => {
    const never = vi.fn(() => ({ outcome: 'refund' }) as const)
    const half = vi.fn(() => ({ outcome: 'commit', amounts: { ai: 1 } }) as const)
    const { admit, ledger } = create({}, { settleBy: never })
    await expectAdmitted(await admit()).settle(finished)
    expect(never).toHaveBeenCalledExactlyOnceWith(finished, { reserved: { ai: 2 }, actual: undefined, refund: false, reported: undefined, metered: false })
    await expectAdmitted(await admit({ route: { settleBy: half, metered: true } })).settle(finished)
    expect(half).toHaveBeenCalledExactlyOnceWith(finished, expect.objectContaining({ metered: true }))
    expect(ledger.calls.map(({ operation }) => operation)).toEqual(['reserve', 'refund', 'reserve', 'commit'])
  })

  it("is settled by the guard's own table, and the developer told, when the route's throws", async () => {
    const error = new Error('settleBy')
    const { admit, ledger, events } = create(
      {},
      {
        settleBy: () => {
          throw error
        },
      },
    )
    const { settle } = expectAdmitted(await admit())
    await expect(settle({ ...finished, status: 500 })).resolves.toBeUndefined()
    expect(ledger.calls.at(-1)).toMatchObject({ operation: 'refund' })
    expect(events).toContainEqual({ type: 'fault', error, creditTypes: ['ai'] })
  })

  it.each<unknown>([
    undefined,
    null,
    {},
    Promise.resolve({ outcome: 'refund' }),
    { outcome: 'commit' },
    { outcome: 'commit', amounts: { ai: 3 } },
    { outcome: 'commit', amounts: { ai: -1 } },
    { outcome: 'commit', amounts: { ai: 0.5 } },
    { outcome: 'keep', amounts: { ai: 1 } },
  ])("is settled by the guard's own table when the route's answers %o", async (nonsense) => {
    const { admit, ledger, events } = create({}, { settleBy: () => nonsense as Settlement })
    await expectAdmitted(await admit()).settle(finished)
    expect(ledger.calls.at(-1)).toMatchObject({ operation: 'commit', request: { amounts: { ai: 2 } } })
    expect(events.map(({ type }) => type)).toEqual(['reserved', 'fault', 'settled'])
  })

  it('is kept while the handler runs, with what it reports, and no longer', async () => {
    vi.useFakeTimers()
    const { admit, ledger } = create({}, { leaseSeconds: 3 })
    const { credits, settle } = expectAdmitted(await admit())
    await vi.advanceTimersByTimeAsync(1000)
    credits.report(1)
    await vi.advanceTimersByTimeAsync(1000)
    await settle(finished)
    await vi.advanceTimersByTimeAsync(60_000)
    vi.useRealTimers()
    expect(ledger.calls.map(({ operation, request }) => [operation, request['reported']])).toEqual([
      ['reserve', undefined],
      ['extend', undefined],
      ['extend', { ai: 1 }],
      ['commit', undefined],
    ])
  })

  it('survives a listener that throws', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => undefined)
    const onEvent = vi.fn(() => {
      throw new Error('listener')
    })
    const { admit, ledger } = create({}, { onEvent })
    await expectAdmitted(await admit()).settle(finished)
    expect(ledger.calls.map(({ operation }) => operation)).toEqual(['reserve', 'commit'])
    expect(onEvent).toHaveBeenCalledTimes(2)
    vi.restoreAllMocks()
  })

  it.each(['HEAD', 'OPTIONS'])('passes free with %s, without a token', async (method) => {
    const { admit, ledger, events } = create()
    const { credits, headers, settle } = expectAdmitted(await admit({ method, authorization: '', amount: () => expect.fail('called') }))
    await settle(finished)
    expect(credits).toMatchObject({ creditType: 'ai', amount: 0 })
    expect([headers, ledger.calls, events]).toEqual([{}, [], []])
  })
})

describe('a request that is denied', () => {
  it.each<[string, Record<string, string>, string]>([
    ['without a token', { authorization: '' }, 'unauthenticated'],
    ['with a malformed header', { authorization: 'Bearer good, Bearer good' }, 'invalid-request'],
    ['with a bad token', { authorization: 'Bearer bad' }, 'invalid-token'],
    ['while there are no keys', { authorization: 'Bearer keyless' }, 'credits-unavailable'],
  ])('%s reaches neither the amount nor the database', async (_case, request, name) => {
    const { admit, ledger, events } = create()
    const amount = vi.fn(() => 1)
    expect(await admit({ ...request, amount })).toMatchObject({ outcome: 'denied', problem: { name } })
    expect(amount).not.toHaveBeenCalled()
    expect(ledger.calls).toEqual([])
    expect(events.at(-1)).toEqual({ type: 'denied', problem: name, user: undefined, creditTypes: ['ai'] })
  })

  it('for want of keys tells the developer why', async () => {
    const { admit, events } = create()
    await admit({ authorization: 'Bearer keyless' })
    expect(events).toMatchObject([{ type: 'fault', error: { message: 'no keys' } }, { type: 'denied' }])
  })

  it.each<[Step, string]>([
    [{ outcome: 'insufficient', creditType: 'ai', required: 2, available: 1, resetsAt: null }, 'insufficient-credits'],
    [{ outcome: 'no_subscription' }, 'subscription-required'],
    [{ outcome: 'invalid', reason: 'a developer error' }, 'server-error'],
    [{ outcome: 'conflict', state: 'open' }, 'server-error'],
    [{ outcome: 'refunded' }, 'server-error'],
    [{ outcome: 'expired' }, 'server-error'],
    [{ outcome: 'committed', amounts: { ai: 2 } }, 'server-error'],
    [createFault('PGRST202', 'no function'), 'server-error'],
    [createFault('42501', 'permission denied'), 'server-error'],
    [createFault('40P01', 'deadlock detected'), 'credits-unavailable'],
    [createFault('', 'fetch failed'), 'credits-unavailable'],
  ])('by the database is answered by what it said: %o is %s', async (reserve, name) => {
    const { admit, events } = create({ reserve })
    const denied = await admit()
    expect(denied).toMatchObject({ outcome: 'denied', problem: { name } })
    expect(events).toContainEqual({ type: 'denied', problem: name, user: user.id, creditTypes: ['ai'] })
    expect(events.some(({ type }) => type === 'fault')).toBe(name === 'server-error' || name === 'credits-unavailable')
    if (name === 'server-error') expect(JSON.stringify(denied)).not.toMatch(/developer|permission|function|conflict/)
  })

  it('for want of credits is told where to buy more', async () => {
    const { admit } = create({ reserve: { outcome: 'insufficient', creditType: 'ai', required: 2, available: 1, resetsAt: null } }, { topUpUrl: 'https://example.com/buy' })
    expect(await admit()).toMatchObject({ problem: { status: 402, body: { required: 2, available: 1, topUpUrl: 'https://example.com/buy' } } })
  })

  it('while the outcome is unknown has its id refunded in the background until that is definite', async () => {
    const lost = createFault('', 'fetch failed')
    const { admit, guard, ledger } = create({ reserve: lost, refund: [lost, SCRIPT.refund] })
    expect(await admit()).toMatchObject({ outcome: 'denied', problem: { name: 'credits-unavailable' } })
    expect(await guard.close()).toBe(0)
    const id = ledger.calls[0]?.request.id
    expect(ledger.calls.map(({ operation }) => operation)).toEqual(['reserve', 'reserve', 'reserve', 'refund', 'refund'])
    expect(ledger.calls.every(({ request }) => request.id === id)).toBe(true)
    expect(ledger.calls.at(-1)?.request).toEqual({ id, user: user.id })
  })

  it.each<[string, readonly string[], Step]>([
    ['refused has the lost attempt refunded', ['reserve', 'reserve', 'refund'], { outcome: 'insufficient', creditType: 'ai', required: 2, available: 1, resetsAt: null }],
    ['answered has nothing refunded', ['reserve', 'reserve'], SCRIPT.reserve],
  ])('after a lost attempt and then %s', async (_case, operations, second) => {
    const { admit, guard, ledger } = create({ reserve: [createFault('', 'fetch failed'), second], refund: SCRIPT.refund })
    await admit()
    await guard.close({ withinSeconds: 0.05 })
    expect(ledger.calls.map(({ operation }) => operation)).toEqual(operations)
  })

  it.each([true, false])('when the database does not answer in time, and is refunded in the background, with group commit: %s', async (groupCommit) => {
    vi.useFakeTimers()
    const { admit, guard, ledger } = create({ reserve: 'hangs' }, { groupCommit, reserveTimeoutSeconds: 2 })
    const admission = admit()
    const isAnswered = vi.fn()
    void admission.then(isAnswered)
    await vi.advanceTimersByTimeAsync(1_999)
    expect(isAnswered).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(1)
    expect(await admission).toMatchObject({ outcome: 'denied', problem: { name: 'credits-unavailable' } })
    expect(await guard.close()).toBe(0)
    vi.useRealTimers()
    expect(ledger.calls.map(({ operation }) => operation)).toEqual(['reserve', 'refund'])
    for (const { signal } of ledger.calls) expect(signal).toBeInstanceOf(AbortSignal)
  })

  it('while it is known that nothing was written has nothing refunded', async () => {
    const { admit, guard, ledger } = create({ reserve: createFault('40P01', 'deadlock detected') })
    await admit()
    await guard.close()
    expect(ledger.calls.map(({ operation }) => operation)).toEqual(['reserve', 'reserve', 'reserve'])
  })
})

describe('an amount that is computed', () => {
  it('is computed once, of the request, after the user is known', async () => {
    const context = { rows: 3 }
    const amount = vi.fn((given: object) => Promise.resolve((given as typeof context).rows))
    const { admit, ledger } = create()
    const admission = expectAdmitted(await admit({ context, amount }))
    expect(amount).toHaveBeenCalledExactlyOnceWith(context)
    expect(ledger.calls[0]?.request['amounts']).toEqual({ ai: 3 })
    await admission.settle(finished)
  })

  it.each([-1, 1.5, NaN, Infinity, 2 ** 53, 1_000_001, '1', null, undefined, 1n, {}])('and is %s makes a malformed request, for it came from the request', async (amount) => {
    const { admit, ledger, events } = create()
    const denied = await admit({ amount: () => amount as number })
    expect(denied).toMatchObject({ outcome: 'denied', problem: { name: 'invalid-request', status: 400, body: { detail: 'The amount of credits must be a whole number from 0 to 1000000.' } } })
    expect(events).toEqual([{ type: 'denied', problem: 'invalid-request', user: user.id, creditTypes: ['ai'] }])
    expect(ledger.calls).toEqual([])
  })

  it('whose function throws hands that on, with nothing reserved', async () => {
    const { admit, ledger } = create()
    const error = new Error('no such file')
    await expect(admit({ amount: () => Promise.reject(error) })).rejects.toBe(error)
    expect(ledger.calls).toEqual([])
  })

  it('of 0 is reserved like any other', async () => {
    const { admit, ledger } = create()
    await expectAdmitted(await admit({ amount: 0 })).settle(finished)
    expect(ledger.calls[0]?.request['amounts']).toEqual({ ai: 0 })
  })
})

describe('two guards of one request', () => {
  it('compose when their credit types differ', async () => {
    const { guard } = create({ reserve: { ...reserved, balances: {} } })
    const request = { method: 'POST', authorization: 'Bearer good', context: {} }
    for (const type of ['ai', 'lead'] as const) await expectAdmitted(await guard.requireCredits(type, 1).admit(request)).settle(finished)
  })

  it('are an error, told aloud, when both require the same', async () => {
    const { guard, events } = create()
    const request = { method: 'POST', authorization: 'Bearer good', context: {} }
    await expectAdmitted(await guard.requireCredits('ai', 1).admit(request)).settle(finished)
    expect(await guard.requireCredits('ai', 1).admit(request)).toMatchObject({ outcome: 'denied', problem: { name: 'server-error' } })
    expect(events).toContainEqual(expect.objectContaining({ type: 'fault', error: expect.objectContaining({ message: expect.stringContaining('ai credits twice') as string }) as Error }))
  })
})

describe('a reservation that the handler detaches', () => {
  it('is neither settled nor renewed nor waited for by the guard any more, whatever the response', async () => {
    const { guard, admit, ledger, events } = create()
    const { credits, settle } = expectAdmitted(await admit())
    expect(await credits.detach({ leaseSeconds: 300 })).toBe(credits.id)
    expect(await guard.close({ withinSeconds: 0.01 })).toBe(0)
    credits.commit(1)
    await settle({ ...finished, status: 500 })
    expect(ledger.calls).toMatchObject([{ operation: 'reserve' }, { operation: 'extend', request: { id: credits.id, user: user.id, lease: 300 } }])
    expect(events).toContainEqual({ type: 'detached', reservation: credits.id, creditTypes: ['ai'], leaseSeconds: 300 })
  })

  it('stays with the response when that fails', async () => {
    const { admit, ledger } = create({ extend: { outcome: 'expired' } })
    const { credits, settle } = expectAdmitted(await admit())
    await expect(credits.detach()).rejects.toThrow('cannot be detached')
    await settle(finished)
    expect(ledger.calls.map(({ operation }) => operation)).toEqual(['reserve', 'extend', 'commit'])
  })
})

describe('an idempotency key', () => {
  const keyed = { method: 'POST', authorization: 'Bearer good', idempotencyKey: 'k', describe: () => ({ route: '/', url: '/', body: undefined }) }
  const admitKeyed = (scene: Scene, request: object = {}, route: RouteOptions = {}) => scene.guard.requireCredits<object>('ai', 2, route).admit({ ...keyed, context: {}, ...request })

  it('travels with the reserve, as digests', async () => {
    const scene = create()
    await expectAdmitted(await admitKeyed(scene)).settle(finished)
    const digest = expect.stringMatching(/^[0-9a-f]{64}$/) as string
    expect(scene.ledger.calls[0]?.request).toMatchObject({ idempotency: { key: digest, fingerprint: digest } })
  })

  it('does not travel where the route has it off, nor where there is none', async () => {
    const scene = create()
    await expectAdmitted(await admitKeyed(scene, {}, { idempotency: 'off' })).settle(finished)
    await expectAdmitted(await admitKeyed(scene, { idempotencyKey: undefined })).settle(finished)
    for (const { request } of scene.ledger.calls) expect(request).not.toHaveProperty('idempotency')
  })

  it.each<[Step, string, number]>([
    [{ outcome: 'in_progress', endsIn: 30 }, 'request-in-progress', 409],
    [{ outcome: 'already_charged', reservation: 'r' }, 'already-charged', 409],
    [{ outcome: 'key_reused' }, 'idempotency-key-reused', 422],
  ])('answered with %o is %s', async (reserve, name, status) => {
    expect(await admitKeyed(create({ reserve }))).toMatchObject({ outcome: 'denied', problem: { name, status } })
  })

  it('that is malformed is 400 before anything is asked of the database', async () => {
    const scene = create()
    expect(await admitKeyed(scene, { idempotencyKey: 'a b' })).toMatchObject({ outcome: 'denied', problem: { name: 'invalid-request' } })
    expect(scene.ledger.calls).toEqual([])
  })

  it('whose request cannot be described goes to the host, and nothing is reserved', async () => {
    const scene = create()
    await expect(admitKeyed(scene, { describe: () => Promise.reject(new Error('aborted')) })).rejects.toThrow('aborted')
    expect(scene.ledger.calls).toEqual([])
  })
})

describe('a database that is not set up', () => {
  it.each<[string, Parameters<typeof createScriptedLedger>[1], RegExp]>([
    ['has an older schema', { version: 0, creditTypes: [] }, /schema version 0.*npx creditgate init/],
    ['has a newer schema', { version: SCHEMA_VERSION + 1, creditTypes: [] }, /newer than.*Upgrade the creditgate package/],
    ['lacks a credit type', { version: SCHEMA_VERSION, creditTypes: ['ai', 'lead'] }, /"skipTrace".*--type skipTrace=<table>/],
    ['lacks the functions', createFault('PGRST202', 'no function'), /npx creditgate init/],
  ])('%s: nothing is reserved, the caller learns nothing, the developer what to do', async (_case, version, message) => {
    const { guard, admit, ledger, events } = create({}, {}, version)
    expect(await admit()).toMatchObject({ outcome: 'denied', problem: { name: 'server-error' } })
    expect(ledger.calls).toEqual([])
    expect(events[0]).toMatchObject({ type: 'fault', error: { message: expect.stringMatching(message) as string } })
    await expect(guard.ready()).rejects.toThrow(message)
  })

  it('is no set-up fault when it cannot be reached', async () => {
    const { admit } = create({}, {}, createFault('', 'fetch failed'))
    expect(await admit()).toMatchObject({ outcome: 'denied', problem: { name: 'credits-unavailable' } })
  })
})

describe('what is left behind by calls that are done', () => {
  it.each<[string, boolean, number]>([
    ['a timer for each length of time that all calls share, and nothing else', true, 7],
    ['nothing, where each has timers of its own', false, 0],
  ])('is %s', async (_what, groupCommit, most) => {
    vi.useFakeTimers()
    const { admit } = create({}, { groupCommit })
    for (let call = 0; call < 20; call += 1) await expectAdmitted(await admit()).settle(finished)
    expect(vi.getTimerCount()).toBeLessThanOrEqual(most)
    await vi.advanceTimersByTimeAsync(20_000)
    expect(vi.getTimerCount()).toBe(0)
    vi.useRealTimers()
  })
})

describe('closing', () => {
  it('waits for a handler that still runs, and for what follows it', async () => {
    const { admit, guard, ledger } = create()
    const { settle } = expectAdmitted(await admit())
    setTimeout(() => void settle(finished), 50)
    expect(await guard.close({ withinSeconds: 5 })).toBe(0)
    expect(ledger.calls.at(-1)).toMatchObject({ operation: 'commit' })
  })

  it('ends at its bound, and says how many are left', async () => {
    const { admit, guard } = create()
    const { settle } = expectAdmitted(await admit())
    expect(await guard.close({ withinSeconds: 0.05 })).toBe(1)
    await settle(finished)
    expect(await guard.close({ withinSeconds: 0 })).toBe(0)
  })

  it('waits for nothing after denials and free passes', async () => {
    const { admit, guard } = create({ reserve: { outcome: 'no_subscription' } })
    await Promise.all([admit(), admit({ authorization: '' }), admit({ method: 'HEAD' })])
    expect(await guard.close({ withinSeconds: 0 })).toBe(0)
  })
})

describe('by id, from anywhere', () => {
  it('a reservation is committed in whole, by a number or by amounts', async () => {
    const { guard, ledger } = create()
    await guard.commit('r')
    await guard.commit('r', 1)
    expect(await guard.commit('r', { ai: 1 })).toEqual({ id: 'r', outcome: 'committed', amounts: { ai: 2 } })
    expect(ledger.calls.map(({ request }) => request)).toEqual([{ id: 'r' }, { id: 'r', amounts: 1 }, { id: 'r', amounts: { ai: 1 } }])
  })

  it('a reservation is refunded', async () => {
    const { guard } = create()
    expect(await guard.refund('r')).toEqual({ id: 'r', outcome: 'refunded' })
  })

  it('no answer is a fault', async () => {
    await expect(create({ commit: 'says nothing' }).guard.commit('r')).rejects.toMatchObject({ name: 'LedgerFault', kind: 'unknown' })
  })
})
