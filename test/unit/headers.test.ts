import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createCreditsHeaders } from '../../src/headers.ts'
import type { Balance } from '../../src/ledger/ledger.ts'

const id = '0198f6b4-0000-7000-8000-000000000000'
const balance = (remaining: number | null, resetsIn: number | null = null): Balance => ({ remaining, resetsIn, resetsAt: resetsIn === null ? null : '2026-12-01T00:00:00Z' })

/** A dictionary of RFC 9651, section 3.2, as far as integers and strings go. */
function parseDictionary(header: string): Record<string, number | string> {
  const members = header.split(', ').map((member): [string, number | string] => {
    const parts = /^([a-z*][a-z0-9_.*-]*)=(?:(-?[0-9]{1,15})|"([\x20-\x21\x23-\x5b\x5d-\x7e]*)")$/.exec(member)
    if (parts?.[1] === undefined) expect.fail(`not a member of a dictionary: ${member}`)
    return [parts[1], parts[3] ?? Number(parts[2])]
  })
  return Object.fromEntries(members)
}

describe('the headers of an admitted response', () => {
  it('tell the reservation, what remains and when it resets', () => {
    expect(createCreditsHeaders(id, { ai: balance(97, 86_400) })).toEqual({
      'Credits-Reservation': `ai="${id}"`,
      'Credits-Remaining': 'ai=97',
      'Credits-Reset': 'ai=86400',
      'Access-Control-Expose-Headers': 'Credits-Reservation, Credits-Remaining, Credits-Reset',
    })
  })

  it('name a credit type in lower case, with hyphens', () => {
    expect(createCreditsHeaders(id, { skipTrace: balance(3) })).toMatchObject({ 'Credits-Reservation': `skip-trace="${id}"`, 'Credits-Remaining': 'skip-trace=3' })
  })

  it('have one member for each credit type', () => {
    const headers = createCreditsHeaders(id, { ai: balance(1, 60), lead: balance(null, 120), skipTrace: balance(0) })
    expect(headers).toMatchObject({ 'Credits-Remaining': 'ai=1, skip-trace=0', 'Credits-Reset': 'ai=60, lead=120' })
    expect(Object.keys(parseDictionary(headers['Credits-Reservation'] ?? ''))).toEqual(['ai', 'lead', 'skip-trace'])
  })

  it('leave out what is unlimited or never resets, and do not expose what is not there', () => {
    expect(createCreditsHeaders(id, { ai: balance(null) })).toEqual({
      'Credits-Reservation': `ai="${id}"`,
      'Access-Control-Expose-Headers': 'Credits-Reservation',
    })
  })

  it('never tell a reset in the past, but do tell a balance that another writer drove below 0', () => {
    expect(createCreditsHeaders(id, { ai: balance(-3, -5) })).toMatchObject({ 'Credits-Remaining': 'ai=-3', 'Credits-Reset': 'ai=0' })
  })

  it('are structured fields for every credit type the database accepts', () => {
    const integer = fc.option(fc.integer())
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[a-z][A-Za-z0-9]{0,39}$/), fc.tuple(integer, integer), { minKeys: 1, maxKeys: 3 }), (types) => {
        const balances = Object.fromEntries(Object.entries(types).map(([type, [remaining, resetsIn]]) => [type, balance(remaining, resetsIn)]))
        const { 'Access-Control-Expose-Headers': exposed, ...headers } = createCreditsHeaders(id, balances)
        for (const value of Object.values(headers)) parseDictionary(value)
        expect(exposed).toBe(Object.keys(headers).join(', '))
      }),
    )
  })
})
