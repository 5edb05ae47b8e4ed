import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { LedgerFault, type Ledger } from 'creditgate'
import { LEDGERS, type LedgerFixture } from '../support/ledgers.ts'
import { addCredits, ageCycle, createAccount, endLease, expectNoViolations, readUsed, type Account } from '../support/seed.ts'

/** What every ledger does, whatever carries its calls. */
describe.each(Object.entries(LEDGERS))('a ledger over %s', (_name, open) => {
  let fixture: LedgerFixture
  let ledger: Ledger
  beforeAll(async () => {
    fixture = await open()
    ledger = fixture.ledger
  })
  afterEach(() => expectNoViolations(fixture.database))
  afterAll(() => fixture.close())

  async function reserve(account: Pick<Account, 'user'>, amounts: Record<string, number>, id = randomUUID()) {
    const [answer] = await ledger.reserve([{ id, user: account.user, amounts, lease: 60 }])
    return { id, answer }
  }

  it('knows the schema version and the credit types', async () => {
    expect(await ledger.version()).toEqual({ version: 4, creditTypes: ['ai', 'lead', 'skipTrace'] })
  })

  it('reserves, commits a part and gives the rest back', async () => {
    const account = await createAccount(fixture.database)
    const row = await addCredits(fixture.database, account, { allotted: 10, used: 2, resetInDays: 30 })
    const { id, answer } = await reserve(account, { ai: 5 })
    expect(answer).toMatchObject({ id, outcome: 'reserved', subscription: account.subscription, amounts: { ai: 5 }, balances: { ai: { remaining: 3 } } })
    expect(answer?.outcome === 'reserved' && answer.balances['ai']?.resetsIn).toBeGreaterThan(30 * 86_400 - 60)
    expect(await readUsed(fixture.database, row)).toBe(7)
    expect(await ledger.commit([{ id, amounts: { ai: 3 } }])).toEqual([{ id, outcome: 'committed', amounts: { ai: 3 } }])
    expect(await readUsed(fixture.database, row)).toBe(5)
  })

  it('gives the same answer to the same reserve', async () => {
    const account = await createAccount(fixture.database)
    const row = await addCredits(fixture.database, account)
    const first = await reserve(account, { ai: 5 })
    const again = await reserve(account, { ai: 5 }, first.id)
    expect(again.answer).toMatchObject({ outcome: 'reserved', amounts: { ai: 5 }, balances: { ai: { remaining: 95 } } })
    expect(await readUsed(fixture.database, row)).toBe(5)
  })

  it('refuses a reserve that was refunded before it arrived', async () => {
    const account = await createAccount(fixture.database)
    const row = await addCredits(fixture.database, account)
    const id = randomUUID()
    expect(await ledger.refund([{ id, user: account.user }])).toEqual([{ id, outcome: 'refunded' }])
    expect((await reserve(account, { ai: 5 }, id)).answer).toEqual({ id, outcome: 'refunded' })
    expect(await readUsed(fixture.database, row)).toBe(0)
  })

  it('keeps what was reported when a lease ends', async () => {
    const account = await createAccount(fixture.database)
    const row = await addCredits(fixture.database, account)
    const { id } = await reserve(account, { ai: 10 })
    expect(await ledger.extend([{ id, lease: 60, reported: { ai: 4 } }])).toEqual([{ id, outcome: 'extended', reported: { ai: 4 } }])
    await endLease(fixture.database, id)
    expect(await ledger.refund([{ id }])).toEqual([{ id, outcome: 'committed', amounts: { ai: 4 } }])
    expect(await readUsed(fixture.database, row)).toBe(4)
  })

  it('spends rows that reset soonest first and top-ups last, and refunds to the rows drawn from', async () => {
    const account = await createAccount(fixture.database)
    const topUp = await addCredits(fixture.database, account, { allotted: 50 })
    const monthly = await addCredits(fixture.database, account, { allotted: 10, resetInDays: 30 })
    const weekly = await addCredits(fixture.database, account, { allotted: 10, resetInDays: 7 })
    const used = async () => [await readUsed(fixture.database, weekly), await readUsed(fixture.database, monthly), await readUsed(fixture.database, topUp)]

    const first = await reserve(account, { ai: 8 })
    expect(await used()).toEqual([8, 0, 0])
    const second = await reserve(account, { ai: 20 })
    expect(await used()).toEqual([10, 10, 8])
    await ledger.commit([{ id: second.id, amounts: { ai: 3 } }])
    expect(await used()).toEqual([10, 1, 0])
    await ledger.refund([{ id: first.id }])
    expect(await used()).toEqual([2, 1, 0])
  })

  it('resets a cycle that is over before it draws, and leaves the new cycle alone when an older draw is refunded', async () => {
    const account = await createAccount(fixture.database)
    const row = await addCredits(fixture.database, account, { allotted: 10, resetInDays: 30 })
    const before = await reserve(account, { ai: 10 })
    await ageCycle(fixture.database, row, 65)
    const after = await reserve(account, { ai: 4 })
    expect(after.answer).toMatchObject({ outcome: 'reserved', balances: { ai: { remaining: 6 } } })
    await ledger.refund([{ id: before.id }])
    expect(await readUsed(fixture.database, row)).toBe(4)
    const [credit] = await fixture.database.query<{ cycle: number; days: number }>(
      'select cycle, extract(epoch from clock_timestamp() - cyclestart)::float / 86400 as days from creditgate.credit_rows where id = $1',
      [row],
    )
    expect(credit?.cycle).toBe(2)
    expect(credit?.days).toBeCloseTo(5, 2)
  })

  it('reserves several types all or nothing', async () => {
    const account = await createAccount(fixture.database)
    const ai = await addCredits(fixture.database, account, { allotted: 5 })
    const lead = await addCredits(fixture.database, account, { type: 'lead', allotted: 1 })
    expect((await reserve(account, { ai: 2, lead: 2 })).answer).toMatchObject({ outcome: 'insufficient', creditType: 'lead', required: 2, available: 1 })
    expect(await readUsed(fixture.database, ai)).toBe(0)
    const { id, answer } = await reserve(account, { ai: 2, lead: 1 })
    expect(answer).toMatchObject({ outcome: 'reserved', balances: { ai: { remaining: 3 }, lead: { remaining: 0 } } })
    await ledger.commit([{ id, amounts: { ai: 1, lead: 0 } }])
    expect([await readUsed(fixture.database, ai), await readUsed(fixture.database, lead)]).toEqual([1, 0])
  })

  it('records what an unlimited row uses and bounds it by nothing', async () => {
    const account = await createAccount(fixture.database)
    const row = await addCredits(fixture.database, account, { allotted: null, used: 7 })
    const { id, answer } = await reserve(account, { ai: 1_000_000 })
    expect(answer).toMatchObject({ outcome: 'reserved', balances: { ai: { remaining: null } } })
    await ledger.commit([{ id }])
    expect(await readUsed(fixture.database, row)).toBe(1_000_007)
  })

  it('draws nothing from a row whose used is already past what it was allotted', async () => {
    const account = await createAccount(fixture.database)
    const row = await addCredits(fixture.database, account, { allotted: 10, used: 25 })
    expect((await reserve(account, { ai: 1 })).answer).toMatchObject({ outcome: 'insufficient', available: 0 })
    expect((await reserve(account, { ai: 0 })).answer).toMatchObject({ outcome: 'reserved', balances: { ai: { remaining: 0 } } })
    expect(await readUsed(fixture.database, row)).toBe(25)
  })

  it('never takes used below zero when another writer has reset it', async () => {
    const account = await createAccount(fixture.database)
    const row = await addCredits(fixture.database, account, { allotted: 10 })
    const { id } = await reserve(account, { ai: 6 })
    await fixture.database.query('update "AICredits" set used = 0 where id = $1', [row])
    await ledger.refund([{ id }])
    expect(await readUsed(fixture.database, row)).toBe(0)
  })

  it.each(['canceled', 'past_due'])('finds no subscription when its status is %s', async (status) => {
    const account = await createAccount(fixture.database, status)
    await addCredits(fixture.database, account)
    expect((await reserve(account, { ai: 1 })).answer).toMatchObject({ outcome: 'no_subscription' })
    expect((await reserve({ user: randomUUID() }, { ai: 1 })).answer).toMatchObject({ outcome: 'no_subscription' })
  })

  it('answers an array in order, each element for itself', async () => {
    const [rich, poor] = [await createAccount(fixture.database), await createAccount(fixture.database)]
    const row = await addCredits(fixture.database, rich, { allotted: 3 })
    await addCredits(fixture.database, poor, { allotted: 0 })
    const request = (user: string, amounts: Record<string, unknown>, lease: unknown = 60) => ({ id: randomUUID(), user, amounts, lease }) as never
    const requests = [
      request(rich.user, { ai: 2 }),
      request(poor.user, { ai: 1 }),
      request(rich.user, { ai: 1.5 }),
      request(rich.user, { nothing: 1 }),
      request(rich.user, { ai: 1 }, 901),
      request('nobody', { ai: 1 }),
      request(rich.user, { ai: 1 }),
      request(rich.user, { ai: 1 }),
    ]
    const answers = await ledger.reserve(requests)
    expect(answers.map((answer) => answer.outcome)).toEqual([
      'reserved', 'insufficient', 'invalid', 'invalid', 'invalid', 'invalid', 'reserved', 'insufficient',
    ])
    expect(answers.map((answer) => answer.id)).toEqual(requests.map(({ id }) => id))
    expect(await readUsed(fixture.database, row)).toBe(3)
  })

  it.each([-1, 1.5, '1', null, true, 2_147_483_648, 1e300, [1], {}])('refuses the amount %j and writes nothing', async (amount) => {
    const account = await createAccount(fixture.database)
    const row = await addCredits(fixture.database, account)
    expect((await reserve(account, { ai: amount as number })).answer).toMatchObject({ outcome: 'invalid' })
    const { id } = await reserve(account, { ai: 5 })
    const committed = await ledger.commit([{ id, amounts: { ai: amount as number } }])
    expect(['invalid', 'exceeds']).toContain(committed[0]?.outcome)
    expect(await readUsed(fixture.database, row)).toBe(5)
    await ledger.refund([{ id }])
  })

  it.each([0, -5, 901, 1.5, '60', null])('refuses a lease of %j', async (lease) => {
    const account = await createAccount(fixture.database)
    const { id } = await reserve(account, {})
    const [reserved] = await ledger.reserve([{ id, user: account.user, amounts: { ai: 0 }, lease: lease as number }])
    const [extended] = await ledger.extend([{ id, lease: lease as number }])
    expect([reserved?.outcome, extended?.outcome]).toEqual(['invalid', 'invalid'])
  })

  it('does not find a reservation for another user', async () => {
    const [owner, other] = [await createAccount(fixture.database), await createAccount(fixture.database)]
    const row = await addCredits(fixture.database, owner)
    const { id } = await reserve(owner, { ai: 5 })
    const strangers = { id, user: other.user }
    expect([...(await ledger.commit([strangers])), ...(await ledger.refund([strangers])), ...(await ledger.extend([{ ...strangers, lease: 60 }]))]).toEqual(
      Array.from({ length: 3 }, () => ({ id, outcome: 'not_found' })),
    )
    expect(await readUsed(fixture.database, row)).toBe(5)
    expect(await ledger.refund([{ id, user: owner.user }])).toMatchObject([{ outcome: 'refunded' }])
  })

  it('says that the database is not set up, and with which command to do it', async () => {
    await fixture.database.query('alter function public.creditgate_version() rename to creditgate_version_away')
    await fixture.database.query("notify pgrst, 'reload schema'")
    try {
      await expect
        .poll(() => ledger.version().catch((error: unknown) => error), { timeout: 5_000 })
        .toSatisfy((fault: unknown) => fault instanceof LedgerFault && fault.kind === 'set-up' && fault.message.includes('npx creditgate init'))
    } finally {
      await fixture.database.query('alter function public.creditgate_version_away() rename to creditgate_version')
      await fixture.database.query("notify pgrst, 'reload schema'")
    }
  })
})
