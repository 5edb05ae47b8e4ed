import { randomUUID } from 'node:crypto'
import { ageCycles, type Account, type CreditType, type Grant } from './accounts.ts'
import { expectCommit, expectDenial, expectRefund, type Facts } from './facts.ts'
import { send, type Call, type Reply } from './http-call.ts'
import type { RunningExamples } from './running-examples.ts'
import type { SupabaseInAProcess } from './supabase-in-a-process.ts'

/** The top-up comes first here, so that only the rule can put it last when credits are spent. */
export const GRANTS: readonly Grant[] = [
  { creditType: 'ai', name: 'top-up', allotted: 20, resetInDays: null },
  { creditType: 'ai', name: 'plan', allotted: 60, resetInDays: 30 },
  { creditType: 'lead', name: 'plan', allotted: 30, resetInDays: 30 },
  { creditType: 'skipTrace', name: 'plan', allotted: 2, resetInDays: 30 },
]

export interface Scenario {
  readonly title: string
  prepare?(): Promise<void>
  send(): Promise<Reply>
  readonly expected: Facts
}

/** Scenarios of one route. They follow on each other: what one spends, the next one has not. */
export interface Group {
  readonly title: string
  readonly creditType: CreditType
  readonly scenarios: readonly Scenario[]
}

export async function createScenarios({ database, auth }: SupabaseInAProcess, { urls }: RunningExamples, account: Account): Promise<readonly Group[]> {
  const token = await auth.signIn(account.user)
  const [forged, stranger] = await Promise.all([auth.forgeToken(account.user), auth.signIn(randomUUID())])
  const generate = (maxTokens: number, prompt = 'Explain credits.', options: Partial<Call> = {}) => () =>
    send({ method: 'POST', url: `${urls.aiEndpoint}/generate`, token, json: { prompt, maxTokens }, ...options })
  const exportLeads = (state: string, rows: number) => () =>
    send({ method: 'GET', url: `${urls.leadExport}/leads.csv?${new URLSearchParams({ state, rows: String(rows) }).toString()}`, token })
  const trace = (name: string, caller: string | undefined = token) => () =>
    send({ method: 'POST', url: `${urls.skipTrace}/skip-trace`, token: caller, json: { name, city: 'Austin' } })
  const traceUnsigned = () => send({ method: 'POST', url: `${urls.skipTrace}/skip-trace`, json: { name: 'Jane Doe', city: 'Austin' } })

  return [
    {
      title: 'AI endpoint: POST /generate reserves maxTokens and charges the tokens that were produced',
      creditType: 'ai',
      scenarios: [
        {
          title: 'a text as long as was asked for',
          send: generate(12),
          expected: expectCommit({ reserved: 12, drawnFrom: 'plan 12', committed: 12, remaining: 68, used: 'top-up 0, plan 12' }),
        },
        {
          title: 'a text that ends sooner',
          send: generate(48),
          expected: expectCommit({ reserved: 48, drawnFrom: 'plan 48', committed: 35, remaining: 33, used: 'top-up 0, plan 47' }),
        },
        {
          title: 'the reader leaves mid-stream',
          send: generate(13, 'Explain credits. [stall]', { leaveAfterWords: 6 }),
          expected: expectCommit({ body: 'cut', reserved: 13, drawnFrom: 'plan 13', committed: 6, remaining: 27, used: 'top-up 0, plan 53' }),
        },
        {
          title: 'the provider breaks mid-stream',
          send: generate(7, 'Explain credits. [break]'),
          expected: expectCommit({ body: 'broken', reserved: 7, drawnFrom: 'plan 7', committed: 6, remaining: 21, used: 'top-up 0, plan 59' }),
        },
        {
          title: 'the provider refuses',
          send: generate(10, 'Explain credits. [refuse]'),
          expected: expectRefund({ status: 502, reserved: 10, drawnFrom: 'plan 1, top-up 9', remaining: 21, used: 'top-up 0, plan 59' }),
        },
        {
          title: 'more than the plan has left',
          send: generate(6),
          expected: expectCommit({ reserved: 6, drawnFrom: 'plan 1, top-up 5', committed: 6, remaining: 15, used: 'top-up 5, plan 60' }),
        },
        { title: 'more than there is at all', send: generate(100), expected: expectDenial({ status: 402, remaining: 15, used: 'top-up 5, plan 60' }) },
      ],
    },
    {
      title: 'Lead export: GET /leads.csv reserves the rows asked for and charges the rows in the file',
      creditType: 'lead',
      scenarios: [
        {
          title: 'as many leads as asked for',
          send: exportLeads('TX', 10),
          expected: expectCommit({ reserved: 10, drawnFrom: 'plan 10', committed: 10, remaining: 20, used: 'plan 10' }),
        },
        {
          title: 'fewer leads than asked for',
          send: exportLeads('VT', 15),
          expected: expectCommit({ reserved: 15, drawnFrom: 'plan 15', committed: 4, remaining: 16, used: 'plan 14' }),
        },
        {
          title: 'the lead source throws',
          send: exportLeads('[fail]', 10),
          expected: expectRefund({ status: 502, reserved: 10, drawnFrom: 'plan 10', remaining: 16, used: 'plan 14' }),
        },
      ],
    },
    {
      title: 'Skip trace: POST /skip-trace reserves one credit and gives it back when nobody was found',
      creditType: 'skipTrace',
      scenarios: [
        { title: 'no token', send: traceUnsigned, expected: expectDenial({ status: 401, remaining: 2, used: 'plan 0' }) },
        { title: 'a forged token', send: trace('Jane Doe', forged), expected: expectDenial({ status: 401, remaining: 2, used: 'plan 0' }) },
        { title: 'a user without a subscription', send: trace('Jane Doe', stranger), expected: expectDenial({ status: 402, remaining: 2, used: 'plan 0' }) },
        {
          title: 'the person is found',
          send: trace('Jane Doe'),
          expected: expectCommit({ reserved: 1, drawnFrom: 'plan 1', committed: 1, remaining: 1, used: 'plan 1' }),
        },
        {
          title: 'nobody is found',
          send: trace('Nobody At All'),
          expected: expectRefund({ status: 200, reserved: 1, drawnFrom: 'plan 1', remaining: 1, used: 'plan 1' }),
        },
        {
          title: 'found, with the last credit',
          send: trace('Jane Doe'),
          expected: expectCommit({ reserved: 1, drawnFrom: 'plan 1', committed: 1, remaining: 0, used: 'plan 2' }),
        },
        { title: 'the credits are used up', send: trace('Jane Doe'), expected: expectDenial({ status: 402, remaining: 0, used: 'plan 2' }) },
        {
          title: 'a cycle later: the row resets',
          prepare: () => ageCycles(database, account, { creditType: 'skipTrace', days: 31 }),
          send: trace('Jane Doe'),
          expected: expectCommit({ reserved: 1, drawnFrom: 'plan 1', committed: 1, remaining: 1, used: 'plan 1 in cycle 1' }),
        },
      ],
    },
  ]
}
