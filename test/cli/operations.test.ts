import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startDataApi, type DataApi } from '../support/data-api.ts'
import { createDatabase, type Database } from '../support/database.ts'
import { addCredits, ageCycle, createAccount, endLease, expectNoViolations, readUsed, type Account } from '../support/seed.ts'
import { startGateway, type Gateway } from './gateway.ts'
import { createLogin, type Login } from './login.ts'
import { buildProgram, keepSecret, type Program, type Project } from './program.ts'

let program: Program
let database: Database
let login: Login
let dataApi: DataApi
let gateway: Gateway
let key: string
beforeAll(async () => {
  program = await buildProgram()
  database = await createDatabase()
  login = await createLogin(database)
  dataApi = await startDataApi(database.url)
  const secretKey = keepSecret('sb_secret_0123456789abcdef')
  gateway = await startGateway(dataApi.url, { [secretKey]: await dataApi.signKey('service_role') })
  key = keepSecret(await dataApi.signKey('service_role'))
})
afterAll(async () => {
  await gateway.stop()
  await dataApi.stop()
  await database.drop()
  await login.drop()
  program.remove()
})

let account: Account
let row: string
beforeEach(async () => {
  account = await createAccount(database)
  row = await addCredits(database, account, { allotted: 100, resetInDays: 30 })
})
afterEach(() => expectNoViolations(database))

async function ask<Answer extends object>(name: string, request: object): Promise<Answer> {
  const [found] = await database.query<{ answer: [Answer] }>(`select public.creditgate_${name}($1) as answer`, [JSON.stringify([request])])
  return (found as { answer: [Answer] }).answer[0]
}
async function reserve(amount = 10): Promise<string> {
  const id = randomUUID()
  expect(await ask('reserve', { id, user: account.user, amounts: { ai: amount }, lease: 60 })).toMatchObject({ outcome: 'reserved' })
  return id
}
async function charge(amount = 10): Promise<string> {
  const id = await reserve(amount)
  expect(await ask('commit', { id })).toMatchObject({ outcome: 'committed' })
  return id
}

/** The packages that the project has, for each way to the database. That the operations do the same over each driver is the ledgers' own contract. */
const DIRECT = { pg: ['pg'], 'postgres.js': ['postgres'] } as const
const WAYS = { pg: ['pg'], 'the Data API': [] } as const
const ALL = { ...DIRECT, ...WAYS } as const

function reach(way: keyof typeof ALL): { project: Project; env: Record<string, string> } {
  const env: Record<string, string> = way === 'the Data API' ? { SUPABASE_URL: `${gateway.url}/`, SUPABASE_SERVICE_ROLE_KEY: key } : { DATABASE_URL: login.url }
  return { project: program.createProject(...ALL[way]), env }
}

describe.each(Object.keys(ALL) as (keyof typeof ALL)[])('over %s', (way) => {
  it('balance tells what a subscription and its user can spend', async () => {
    const { project, env } = reach(way)
    await addCredits(database, account, { type: 'lead', allotted: null })
    await reserve(30)
    const expected = expect.stringMatching(/^TYPE {2}REMAINING {2}RESETS\nai {4}70 {9}\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ\nlead {2}unlimited {2}never\n$/) as string
    for (const id of [account.subscription, account.user, account.user.toUpperCase()]) {
      expect(await project.run(['balance', id], { env })).toEqual({ code: 0, stdout: expected, stderr: `Subscription ${account.subscription}\n` })
    }
    const { stdout } = await project.run(['balance', account.user, '--json'], { env })
    expect(JSON.parse(stdout)).toMatchObject({ subscription: account.subscription, balances: { ai: { remaining: 70 }, lead: { remaining: null, resetsAt: null } } })
  })

  it('history tells what became of the credits, newest first', async () => {
    const { project, env } = reach(way)
    const charged = await reserve(10)
    await ask('commit', { id: charged, amounts: { ai: 8 } })
    await ask('reverse', { id: charged, key: 'k', amounts: { ai: 4 } })
    const open = await reserve(5)
    const { code, stdout } = await project.run(['history', account.user], { env })
    expect(code).toBe(0)
    expect(stdout.split('\n').map((line) => line.replace(/^\S+ \S+Z +/, '').replace(/ +/g, ' '))).toEqual(['AT WHAT AMOUNTS RESERVATION OR ROW', `open ai=5 ${open}`, `reversal ai=-4 ${charged}`, `committed ai=8 ${charged}`, `opening ai=0 ${row}`, ''])
    const limited = JSON.parse((await project.run(['history', account.subscription, '--limit', '1', '--json'], { env })).stdout) as { entries: object[] }
    expect(limited.entries).toEqual([{ at: expect.any(String) as string, what: 'open', amounts: { ai: 5 }, id: open, user: account.user }])
  })

  it('a history that takes the database too long says what makes it quicker', async () => {
    const { project, env } = reach(way)
    const [found] = await database.query<{ definition: string }>("select pg_get_functiondef('creditgate.history'::regproc) as definition")
    await database.query("create or replace function creditgate.history(subscription uuid, most integer) returns jsonb language plpgsql as $$ begin raise exception 'canceled' using errcode = '57014'; end $$")
    try {
      expect(await project.run(['history', account.user], { env })).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/^creditgate: the database gave up reading .* "creditgate prune" /) as string })
    } finally {
      await database.query(found?.definition ?? '')
    }
  })

  it('an id that is nobody\'s is refused by balance and history, and one that is none before anything is asked', async () => {
    const { project, env } = reach(way)
    const nobody = randomUUID()
    for (const command of ['balance', 'history']) {
      expect(await project.run([command, nobody], { env })).toEqual({ code: 1, stdout: '', stderr: `creditgate: ${nobody} is neither a subscription nor a user with an active one\n` })
      expect(await project.run([command, 'nobody'], { env })).toMatchObject({ code: 2, stderr: expect.stringContaining('<user|subscription> is a UUID, not "nobody"') as string })
    }
  })
})

describe.each(Object.keys(DIRECT) as (keyof typeof DIRECT)[])('over %s', (way) => {
  it('grant adds a row, and with the same id none', async () => {
    const { project, env } = reach(way)
    const id = randomUUID()
    const args = ['grant', account.subscription, 'ai', '50', '--id', id, '--yes']
    expect(await project.run(args, { env })).toMatchObject({ code: 0, stdout: `Added 50 ai credits, never reset, to subscription ${account.subscription}: row ${id}\n` })
    expect(await project.run(args, { env })).toMatchObject({ code: 0, stdout: `Row ${id} is there already: nothing was added.\n` })
    const { stdout } = await project.run(['grant', account.subscription, 'lead', '20', '--reset-in-days', '30', '--yes', '--json'], { env })
    expect(JSON.parse(stdout)).toMatchObject({ creditType: 'lead', amount: 20, resetInDays: 30, added: true })
    expect(await database.query(`select 'ai' as type, allotted, used, resetindays from "AICredits" where id = $1 union all select 'lead', allotted, used, resetindays from "LeadCredits" where subscriptionid = $2`, [id, account.subscription])).toEqual([
      { type: 'ai', allotted: 50, used: 0, resetindays: null },
      { type: 'lead', allotted: 20, used: 0, resetindays: 30 },
    ])
  })

  it('what is not there is refused, and nothing is written', async () => {
    const { project, env } = reach(way)
    const nobody = randomUUID()
    const before = await database.query('select count(*) from "AICredits"')
    expect(await project.run(['grant', nobody, 'ai', '5', '--yes'], { env })).toMatchObject({ code: 1, stderr: `creditgate: there is no subscription ${nobody}\n` })
    expect(await project.run(['grant', account.subscription, 'skiptrace', '5', '--yes'], { env })).toMatchObject({ code: 2, stderr: expect.stringContaining('did you mean "skipTrace"?') as string })
    expect(await project.run(['grant', account.subscription, 'ai', '5'], { env, input: 'y\n' })).toMatchObject({ code: 2, stderr: expect.stringContaining('add --yes') as string })
    expect(await database.query('select count(*) from "AICredits"')).toEqual(before)
  })
})

describe.each(Object.keys(WAYS) as (keyof typeof WAYS)[])('over %s', (way) => {
  it('reset begins a new cycle, once for a key', async () => {
    const { project, env } = reach(way)
    await charge(10)
    const args = ['reset', account.subscription, 'ai', '--key', 'in_1', '--yes']
    expect(await project.run(args, { env })).toEqual({ code: 0, stdout: 'Reset 1 row of ai credits, key in_1\n', stderr: '' })
    await charge(10)
    expect(await project.run(args, { env })).toMatchObject({ code: 0 })
    expect(await readUsed(database, row)).toBe(10)
    const { stdout } = await project.run(['reset', account.subscription, 'ai', '--yes', '--json'], { env })
    expect(JSON.parse(stdout)).toMatchObject({ outcome: 'reset', rows: 1, key: expect.stringMatching(/^creditgate-cli-/) as string })
    expect(await readUsed(database, row)).toBe(0)
  })

  it('reverse gives back what was charged, once for a key, and no more than that', async () => {
    const { project, env } = reach(way)
    const id = await charge(10)
    expect(await project.run(['reverse', id, '--amount', '4', '--yes'], { env })).toEqual({ code: 0, stdout: 'Reversed ai=4, returned ai=4, key creditgate-cli\n', stderr: '' })
    expect(await project.run(['reverse', id, '--amount', '4', '--yes'], { env })).toMatchObject({ code: 0 })
    expect(await readUsed(database, row)).toBe(6)
    expect(await project.run(['reverse', id, '--amount', '5', '--yes'], { env })).toMatchObject({ code: 1, stderr: expect.stringContaining('give another --key') as string })
    expect(await project.run(['reverse', id, '--amount', 'ai=7', '--key', 'two', '--yes'], { env })).toMatchObject({ code: 1, stderr: 'creditgate: that is more than was charged: ai=6 can be given back\n' })
    const { stdout } = await project.run(['reverse', id, '--key', 'three', '--yes', '--json'], { env })
    expect(JSON.parse(stdout)).toEqual({ id, outcome: 'reversed', amounts: { ai: 6 }, returned: { ai: 6 }, key: 'three' })
    expect(await readUsed(database, row)).toBe(0)
  })

  it('reset and reverse say why they cannot', async () => {
    const { project, env } = reach(way)
    const [unknown, open, refunded] = [randomUUID(), await reserve(), await reserve()]
    await ask('refund', { id: refunded })
    expect(await project.run(['reverse', unknown, '--yes'], { env })).toMatchObject({ code: 1, stderr: `creditgate: there is no reservation ${unknown}\n` })
    expect(await project.run(['reverse', open, '--yes'], { env })).toMatchObject({ code: 1, stderr: `creditgate: reservation ${open} is still open\n` })
    expect(await project.run(['reverse', refunded, '--yes'], { env })).toMatchObject({ code: 1, stderr: `creditgate: reservation ${refunded} is refunded: it was not charged\n` })
    expect(await project.run(['reverse', open], { env })).toMatchObject({ code: 2, stderr: expect.stringContaining('add --yes') as string })
    expect(await project.run(['reset', unknown, 'ai', '--yes'], { env })).toMatchObject({ code: 1, stderr: `creditgate: there is no subscription ${unknown}\n` })
    expect(await project.run(['reset', account.subscription, 'gold', '--yes'], { env })).toMatchObject({ code: 1, stderr: 'creditgate: there is no credit type "gold"\n' })
  })

  it('sweep ends what is over, step by step, until there is nothing left', async () => {
    const { project, env } = reach(way)
    const open = [await reserve(1), await reserve(1), await reserve(1)]
    for (const id of open) await endLease(database, id)
    await ageCycle(database, await addCredits(database, await createAccount(database), { used: 5, resetInDays: 1 }), 2)
    const { code, stdout } = await project.run(['sweep', '--most', '1', '--json'], { env })
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toEqual({ expired: 3, cycles: 1, steps: 5 })
    expect(await project.run(['sweep'], { env })).toEqual({ code: 0, stdout: 'Ended 0 leases and 0 cycles.\n', stderr: '' })
  })

  it('prune deletes what ended long ago, and asks before', async () => {
    const { project, env } = reach(way)
    for (let count = 0; count < 3; count += 1) await charge(1)
    await database.query("update creditgate.reservations set ended_at = ended_at - interval '100 days' where subscription_id = $1", [account.subscription])
    expect(await project.run(['prune'], { env })).toMatchObject({ code: 2, stderr: expect.stringContaining('add --yes') as string })
    expect(await project.run(['prune', '--older-than-days', '120', '--yes'], { env })).toMatchObject({ code: 0, stdout: 'Deleted 0 reservations.\n' })
    const { stdout } = await project.run(['prune', '--most', '2', '--yes', '--json'], { env })
    expect(JSON.parse(stdout)).toEqual({ pruned: 3, steps: 2, olderThanDays: 90 })
  })
})

describe('over the Data API', () => {
  it('what needs a direct connection says so, and ends with 3', async () => {
    const { project, env } = reach('the Data API')
    const args = ['grant', account.subscription, 'ai', '5', '--yes']
    expect(await project.run(args, { env })).toMatchObject({ code: 3, stdout: '', stderr: expect.stringContaining('DATABASE_URL') as string })
  })

  it('a new secret key is sent as the platform wants it', async () => {
    const { project } = reach('the Data API')
    expect(await project.run(['sweep'], { env: { SUPABASE_URL: gateway.url, SUPABASE_SECRET_KEY: 'sb_secret_0123456789abcdef' } })).toMatchObject({ code: 0, stdout: 'Ended 0 leases and 0 cycles.\n' })
  })

  it('a key that may not is said to be the wrong one, and not repeated', async () => {
    const { project, env } = reach('the Data API')
    for (const wrong of [await dataApi.signKey('anon'), 'sb_secret_not-of-this-project', 'no key at all']) {
      expect(await project.run(['sweep'], { env: { ...env, SUPABASE_SERVICE_ROLE_KEY: keepSecret(wrong) } })).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/key/) as string })
    }
  })
})

it('a database that is not set up is said to be that, with the command', async () => {
  const bare = await createDatabase('project')
  const { project } = reach('pg')
  const env = { DATABASE_URL: bare.url }
  try {
    for (const args of [['sweep'], ['balance', account.user], ['history', account.user], ['grant', account.subscription, 'ai', '5', '--yes']]) {
      expect(await project.run(args, { env })).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('Run "npx creditgate init" and then "npx supabase db push"') as string })
    }
  } finally {
    await bare.drop()
  }
})
