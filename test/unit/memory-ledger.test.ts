import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createMemoryLedger, createTestClock, type MemoryLedgerOptions } from 'creditgate/testing'

/** What the memory ledger does that the model and the scenarios of every ledger do not ask for. */

function arrange(options: MemoryLedgerOptions = {}) {
  const clock = createTestClock()
  const ledger = createMemoryLedger({ clock, ...options })
  const open = () => {
    const account = ledger.createAccount()
    const row = ledger.addCredits(account)
    const reserve = async (overrides: object = {}) => {
      const id = randomUUID()
      const [answer] = await ledger.reserve([{ id, user: account.user, amounts: { ai: 1 }, lease: 60, ...overrides }])
      return { id, answer }
    }
    return { account, row, reserve }
  }
  return { clock, ledger, open, ...open() }
}

describe('a bound on what is open at once', () => {
  it('refuses one more, of that subscription alone, until one ends', async () => {
    const { clock, ledger, reserve, open } = arrange({ maxOpenReservations: 2 })
    const first = await reserve()
    await reserve()
    const { id, answer } = await reserve()
    expect(answer).toEqual({ id, outcome: 'too_many_open', most: 2 })
    expect((await reserve({ dryRun: true })).answer, 'a dry run').toMatchObject({ outcome: 'too_many_open' })
    expect((await reserve({ id: first.id })).answer, 'one that is open, asked again').toMatchObject({ outcome: 'reserved' })
    expect((await open().reserve()).answer, 'another subscription').toMatchObject({ outcome: 'reserved' })
    await ledger.commit([{ id: first.id }])
    expect((await reserve()).answer, 'after a commit').toMatchObject({ outcome: 'reserved' })
    clock.advance({ seconds: 61 })
    expect((await reserve()).answer, 'after the leases').toMatchObject({ outcome: 'reserved' })
  })

  it('is 1000', async () => {
    const { reserve } = arrange()
    for (let count = 0; count < 1000; count += 1) expect((await reserve({ amounts: { ai: 0 } })).answer).toMatchObject({ outcome: 'reserved' })
    expect((await reserve({ amounts: { ai: 0 } })).answer).toMatchObject({ outcome: 'too_many_open', most: 1000 })
  })

  it.each([0, -1, 1.5, NaN, '3'])('is refused at construction when it is %j', (wrong) => {
    expect(() => createMemoryLedger({ maxOpenReservations: wrong as number })).toThrow(TypeError)
  })
})

describe('a session', () => {
  it('that was ended admits nobody, and any other does', async () => {
    const { ledger, reserve, row } = arrange()
    const [ended, standing] = [randomUUID(), randomUUID()]
    expect((await reserve({ session: ended })).answer).toMatchObject({ outcome: 'reserved' })
    ledger.endSession(ended.toUpperCase())
    const { id, answer } = await reserve({ session: ended })
    expect(answer).toEqual({ id, outcome: 'session_over' })
    expect((await reserve({ session: standing })).answer).toMatchObject({ outcome: 'reserved' })
    expect(ledger.readRow(row).used).toBe(2)
  })

  it.each(['x', 1, null])('of %j is refused', async (wrong) => {
    const { reserve } = arrange()
    expect((await reserve({ session: wrong })).answer).toMatchObject({ outcome: 'invalid' })
  })
})

describe('a response', () => {
  const response = { status: 200, headers: { 'content-type': 'text/plain' }, body: 'YQ==' }
  const idempotency = { key: 'key', fingerprint: 'same' }

  async function arrangeKept() {
    const { clock, ledger, reserve } = arrange()
    const { id } = await reserve({ idempotency })
    await ledger.commit([{ id, response }])
    const isKept = () => ledger.listReservations().some((each) => each.response !== undefined)
    return { clock, ledger, isKept, again: async () => (await reserve({ idempotency })).answer }
  }

  it('is sent for 24 hours, and then forgotten by the sweep', async () => {
    const { clock, ledger, isKept, again } = await arrangeKept()
    clock.advance({ seconds: 86_399 })
    expect(await again()).toHaveProperty('response', response)
    await ledger.sweep({})
    expect(isKept()).toBe(true)
    clock.advance({ seconds: 1 })
    expect(await again()).toMatchObject({ outcome: 'already_charged' })
    expect(await again()).not.toHaveProperty('response')
    expect(await ledger.sweep({ most: 1 }), 'a step that is full').toEqual({ outcome: 'swept', expired: 0, cycles: 0, more: true })
    expect(isKept()).toBe(false)
    expect(await ledger.sweep({ most: 1 })).toMatchObject({ more: false })
  })

  it('that a caller changes afterwards stays as it was kept', async () => {
    const { again } = await arrangeKept()
    const answer = await again()
    if (answer?.outcome !== 'already_charged' || answer.response === undefined) throw new Error('there is no response')
    answer.response.headers['content-type'] = 'changed'
    expect(await again()).toHaveProperty('response', response)
  })
})
