import { randomUUID } from 'node:crypto'
import { createClient, type Call, type Client } from './client.ts'
import type { RowSnapshot } from './snapshot.ts'
import type { Stage } from './stage.ts'
import type { Step } from './steps.ts'

/** One of several accounts that go through the same steps, and are told of in the same words. */
export interface Twin {
  readonly stage: Stage
  readonly client: Client
}

export function createTwin(stage: Stage): Twin {
  return { stage, client: createClient(stage.account, randomUUID()) }
}

/** Carries a step out, and gives its answers in words that are the same for each twin. */
async function play(twin: Twin, step: Step): Promise<unknown> {
  return twin.client.applies(step) ? perform(twin, twin.client.resolve(step)) : 'nothing to do'
}

export async function perform(twin: Twin, call: Call): Promise<unknown> {
  return translate(twin, await twin.stage.perform(call))
}

/** The same step in each, one after the other; time passes for all at once. */
export async function playEach(twins: readonly Twin[], step: Step): Promise<unknown[]> {
  const [first, ...rest] = twins
  if (step.kind === 'advance' && first !== undefined) {
    await first.stage.perform({ operation: 'advance', seconds: step.seconds, others: rest.map(({ stage }) => stage.account.subscription) })
    return []
  }
  const answers: unknown[] = []
  for (const twin of twins) answers.push(await play(twin, step))
  return answers
}

/**
 * What a twin is left with: its rows as they are once every cycle that is over counts as closed, whoever has or has not
 * touched them; its reservations and kept responses, without those of other ids than the client's; and what does not add up.
 */
export async function describeTwin(twin: Twin): Promise<unknown> {
  const { rows, reservations, responses, violations } = await twin.stage.snapshot(twin.client.listIds())
  const own = reservations.filter(({ id }) => twin.client.listIds().includes(id))
  return translate(twin, { rows: rows.map(closeCycles), reservations: own, responses: responses.filter((id) => twin.client.listIds().includes(id)), violations })
}

function closeCycles(row: RowSnapshot): RowSnapshot {
  const periodSeconds = row.resetDays === null || row.resetDays <= 0 ? Infinity : row.resetDays * 86_400
  const periods = Math.floor(row.age / periodSeconds)
  return periods === 0 ? row : { ...row, used: 0, cycle: row.cycle + periods, age: row.age - periods * periodSeconds }
}

/** Ids as what they are to the account: `r0`, `subscription`, and of a row the part that was chosen. */
export function translate({ stage, client }: Twin, value: unknown): unknown {
  const names = new Map(client.listIds().map((id, index) => [id, `r${index}`]))
  names.set(stage.account.subscription, 'subscription')
  const sorted = (text: unknown): unknown => (Array.isArray(text) ? [...(text as unknown[])].sort((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1)) : text)
  const told = JSON.parse(JSON.stringify(value ?? null).replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) => names.get(id) ?? id.slice(0, 8))) as unknown
  return typeof told === 'object' && told !== null && 'reservations' in told && 'responses' in told ? { ...told, reservations: sorted(told.reservations), responses: sorted(told.responses) } : told
}
