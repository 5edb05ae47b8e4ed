import { describe, expect, it, vi } from 'vitest'
import { logFaults } from '../../src/events.ts'
import { parseGuardOptions, parseRouteOptions } from '../../src/guard-options.ts'
import { decideSettlement } from '../../src/outcome.ts'

const ports = {
  identity: { verify: () => Promise.resolve({ outcome: 'rejected' as const }) },
  ledger: Object.fromEntries(['reserve', 'commit', 'refund', 'extend', 'reverse', 'reset', 'sweep', 'prune', 'version'].map((method) => [method, () => Promise.resolve([])])),
}

describe("a guard's options", () => {
  it('have the documented defaults', () => {
    expect(parseGuardOptions(ports)).toEqual({
      ...ports,
      creditTypes: ['ai', 'lead', 'skipTrace'],
      leaseSeconds: 60,
      maxHoldSeconds: 900,
      reserveTimeoutSeconds: 5,
      maxAmount: 1_000_000,
      onEvent: logFaults,
      settleBy: decideSettlement,
      mode: 'enforce',
      verifySession: false,
      groupCommit: { maxBatch: 128, maxInFlight: 2, maxWaiting: 10_000 },
    })
  })

  it('are a frozen copy that keeps the very ports it was given', () => {
    const creditTypes = ['ai']
    const parsed = parseGuardOptions({ ...ports, creditTypes })
    creditTypes.push('lead')
    expect(parsed.creditTypes).toEqual(['ai'])
    expect(parsed.identity).toBe(ports.identity)
    expect(parsed.ledger).toBe(ports.ledger)
    expect(Object.isFrozen(parsed)).toBe(true)
  })

  it.each<[string, object]>([
    ['identity', { identity: undefined }],
    ['identity', { identity: {} }],
    ['ledger', { ledger: null }],
    ['ledger', { ledger: { ...ports.ledger, extend: undefined } }],
    ['ledger', { ledger: { ...ports.ledger, prune: undefined } }],
    ['creditTypes', { creditTypes: [] }],
    ['creditTypes', { creditTypes: 'ai' }],
    ['creditTypes', { creditTypes: [''] }],
    ['leaseSeconds', { leaseSeconds: 2 }],
    ['leaseSeconds', { leaseSeconds: 901 }],
    ['leaseSeconds', { leaseSeconds: 10.5 }],
    ['leaseSeconds', { leaseSeconds: '60' }],
    ['maxHoldSeconds', { maxHoldSeconds: 59 }],
    ['maxHoldSeconds', { leaseSeconds: 900, maxHoldSeconds: 899 }],
    ['maxHoldSeconds', { maxHoldSeconds: 86_401 }],
    ['reserveTimeoutSeconds', { reserveTimeoutSeconds: 0 }],
    ['reserveTimeoutSeconds', { reserveTimeoutSeconds: 61 }],
    ['reserveTimeoutSeconds', { reserveTimeoutSeconds: Infinity }],
    ['maxAmount', { maxAmount: 0 }],
    ['maxAmount', { maxAmount: 2 ** 31 }],
    ['topUpUrl', { topUpUrl: '/buy' }],
    ['onEvent', { onEvent: 'log' }],
    ['settleBy', { settleBy: true }],
    ['groupCommit', { groupCommit: 'on' }],
    ['maxBatch', { groupCommit: { maxBatch: 1001 } }],
    ['maxInFlight', { groupCommit: { maxInFlight: 0 } }],
    ['maxWaiting', { groupCommit: { maxWaiting: 1.5 } }],
    ['leaseSecond', { leaseSecond: 60 }],
  ])('are refused with the name of what is wrong: %s in %o', (name, wrong) => {
    const parse = () => parseGuardOptions({ ...ports, ...wrong })
    expect(parse).toThrow(TypeError)
    expect(parse).toThrow(/createGuard/)
    expect(parse).toThrow(new RegExp(`\\b${name}\\b`))
  })

  it('have group commit off on Cloudflare Workers, unless it is asked for', () => {
    vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' })
    expect(parseGuardOptions(ports).groupCommit).toBeUndefined()
    expect(parseGuardOptions({ ...ports, groupCommit: true }).groupCommit).toEqual({ maxBatch: 128, maxInFlight: 2, maxWaiting: 10_000 })
    vi.unstubAllGlobals()
    expect(parseGuardOptions({ ...ports, groupCommit: { maxBatch: 8 } }).groupCommit).toEqual({ maxBatch: 8, maxInFlight: 2, maxWaiting: 10_000 })
    expect(parseGuardOptions({ ...ports, groupCommit: false }).groupCommit).toBeUndefined()
  })

  it('say which function makes a port that is missing', () => {
    expect(() => parseGuardOptions({})).toThrow(/supabaseJwt\(\)[\s\S]*supabaseLedger\(\) or postgresLedger\(\)/)
  })

  it('are refused when there are none', () => {
    expect(() => parseGuardOptions(undefined)).toThrow(TypeError)
  })
})

describe("a route's options", () => {
  it('have the documented defaults', () => {
    expect(parseRouteOptions({})).toEqual({ metered: false, surplus: 'clamp', onOutage: 'closed', idempotency: 'optional', allowAnonymous: false, allowOAuthClients: false })
  })

  it.each<[string, object]>([
    ['metered', { metered: 1 }],
    ['settleBy', { settleBy: {} }],
    ['onAbort', { onAbort: 'keep' }],
    ['onAbort', { onAbort: 'charge', settleBy: () => ({ outcome: 'refund' }) }],
    ['surplus', { surplus: 'more' }],
    ['min', { affordable: {} }],
    ['min', { affordable: { min: 0 } }],
    ['min', { affordable: { min: { ai: 1.5 } } }],
    ['mode', { mode: 'off' }],
    ['onOutage', { onOutage: 'open' }],
    ['onOutage', { onOutage: { openUpTo: 0 } }],
    ['replay', { replay: { maxBytes: -1 } }],
    ['replay', { replay: { headers: ['Set-Cookie'] } }],
    ['replay', { replay: true, idempotency: 'off' }],
    ['idempotency', { idempotency: true }],
    ['allowAnonymous', { allowAnonymous: 'yes' }],
    ['allowOAuthClients', { allowOAuthClients: 'app-1' }],
    ['allowOAuthClients', { allowOAuthClients: [''] }],
    ['allowAnonymus', { allowAnonymus: true }],
  ])('are refused with the name of what is wrong: %s in %o', (name, wrong) => {
    const parse = () => parseRouteOptions(wrong)
    expect(parse).toThrow(TypeError)
    expect(parse).toThrow(/requireCredits/)
    expect(parse).toThrow(new RegExp(`\\b${name}\\b`))
  })
})
