import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { LedgerFault, type Admission, type Guard, type Ledger, type Outcome } from 'creditgate'
import type { Pending } from './pending.ts'
import type { HandedOver, Plan } from './plan.ts'
import type { Random } from './random.ts'

/** What an errand works with. */
export interface Bench {
  readonly plan: Plan
  readonly random: Random
  readonly guard: Guard
  readonly ledger: Ledger
  readonly pending: Pending
  handOver(settlement: HandedOver): void
}

export type Errand = (bench: Bench) => Promise<void>

const TYPES = ['ai', 'lead', 'skipTrace'] as const
const FINISHED: Outcome = { status: 200, threw: false, ended: 'finished', started: true }
const ATTEMPTS = 4
const ATTEMPT_MILLISECONDS = 4_000
/** Keys change with the clock, so that processes meet on them. */
const KEY_MILLISECONDS = 1_500
const PERIOD_MILLISECONDS = 4_000

/** One piece of work each, from the first call to the last answer, with whatever end chance picks. */
export const ERRANDS = {
  /** What an application does: admission, a handler, an outcome. */
  async guarded(bench) {
    const admission = await admit(bench)
    if (admission.outcome !== 'admitted') return
    await sleep(bench.random.chance(0.1) ? bench.random.integer(200, 1_200) : bench.random.integer(0, 40))
    await settle(bench, admission)
  },

  /** A stream that reports what it has delivered. */
  async metered(bench) {
    const { random, pending } = bench
    const admission = await admit(bench, random.integer(2, 6))
    if (admission.outcome !== 'admitted') return
    for (let delivered = 1; delivered <= admission.credits.amount; delivered += 1) {
      admission.credits.report(delivered)
      await sleep(random.integer(50, 700))
      if (random.chance(0.1)) break
    }
    await pending.track(admission.settle({ ...FINISHED, ended: random.pick(['finished', 'aborted', 'failed']) }))
  },

  /** Several types at once, in an array with other calls, by the ledger alone. */
  async several(bench) {
    const { plan, random, ledger } = bench
    const requests = Array.from({ length: random.integer(1, 8) }, () => {
      const types = TYPES.filter(() => random.chance(0.7))
      // In whatever order the caller names them: their rows are locked in one.
      if (random.chance(0.5)) types.reverse()
      const amounts = Object.fromEntries((types.length === 0 ? ['lead'] : types).map((type) => [type, random.integer(0, 3)]))
      return { id: randomUUID(), user: random.pick(plan.accounts).user, amounts, lease: plan.leaseSeconds }
    })
    const answers = await persist(bench, (signal) => ledger.reserve(requests, signal))
    const reserved = requests.filter((_, index) => answers?.[index]?.outcome === 'reserved')
    if (reserved.length === 0) return
    await sleep(random.integer(0, 60))
    const kept = reserved.map(({ id, user, amounts }) => ({ id, user, amounts: Object.fromEntries(Object.entries(amounts).map(([type, amount]) => [type, random.integer(0, amount)])) }))
    const end = random.weigh({ commit: 6, refund: 3, leave: 1 })
    if (end === 'commit') await persist(bench, (signal) => ledger.commit(kept, signal))
    if (end === 'refund') await persist(bench, (signal) => ledger.refund(reserved.map(({ id, user }) => ({ id, user })), signal))
  },

  /** Several types in one call of the guard, in whatever order its route names them. */
  async bundled(bench) {
    const { plan, random, guard, pending } = bench
    const { token } = random.pick(plan.accounts)
    const prices = [['ai', random.integer(0, 3)], ['lead', random.integer(0, 3)], ['skipTrace', random.integer(0, 2)]] as const
    const gate = guard.requireCredits(Object.fromEntries(random.chance(0.5) ? prices : prices.toReversed()))
    const admission = await pending.track(gate.admit({ method: 'POST', authorization: `Bearer ${token}`, context: {} }))
    if (admission.outcome !== 'admitted') return
    await sleep(random.integer(0, 60))
    await settle(bench, admission)
  },

  /** Takes what is left, and draws more where it used more. */
  async affordable(bench) {
    const { plan, random, guard, pending } = bench
    const { token } = random.pick(plan.accounts)
    const gate = guard.requireCredits(random.pick(TYPES), random.integer(2, 8), { affordable: { min: random.integer(1, 3) }, surplus: 'reserve-more' })
    const admission = await pending.track(gate.admit({ method: 'POST', authorization: `Bearer ${token}`, context: {} }))
    if (admission.outcome !== 'admitted') return
    await sleep(random.integer(0, 60))
    admission.credits.commit(random.integer(0, admission.credits.amount + 4))
    await pending.track(admission.settle(random.chance(0.1) ? { ...FINISHED, status: 500 } : FINISHED))
  },

  /** One of several attempts at a key whose response is kept. What is sent is the id of the reservation that paid for it. */
  async replayed(bench) {
    const { plan, random, guard, pending } = bench
    const { token } = random.pick(plan.accounts.filter(({ kind }) => kind === 'shared'))
    const admission = await pending.track(
      guard.requireCredits('lead', 1, { replay: true }).admit({
        method: 'POST',
        authorization: `Bearer ${token}`,
        idempotencyKey: createSharedKey(random),
        describe: () => ({ route: '/replayed', url: '/replayed', body: undefined }),
        context: {},
      }),
    )
    if (admission.outcome !== 'admitted') return
    await sleep(random.integer(0, 200))
    admission.recorder?.begin(200, [['content-type', 'text/plain']])
    admission.recorder?.write(new TextEncoder().encode(admission.credits.id))
    await settle(bench, admission)
  },

  /** One of several attempts at the same idempotency key, from several processes. */
  async keyed(bench) {
    const { plan, random, guard, pending } = bench
    const { token } = random.pick(plan.accounts.filter(({ kind }) => kind === 'shared'))
    const url = random.chance(0.1) ? '/other' : '/'
    const admission = await pending.track(
      guard.requireCredits('ai', 1).admit({
        method: 'POST',
        authorization: `Bearer ${token}`,
        idempotencyKey: createSharedKey(random),
        describe: () => ({ route: '/', url, body: undefined }),
        context: {},
      }),
    )
    if (admission.outcome !== 'admitted') return
    await sleep(random.integer(0, 200))
    await settle(bench, admission)
  },

  /** The same by the ledger alone, where an attempt may also be left to its lease. */
  async attempted(bench) {
    const { plan, random, ledger } = bench
    const { user } = random.pick(plan.accounts.filter(({ kind }) => kind === 'shared'))
    const idempotency = { key: createSharedKey(random), fingerprint: random.chance(0.1) ? 'other' : 'usual' }
    const id = randomUUID()
    const answers = await persist(bench, (signal) => ledger.reserve([{ id, user, amounts: { ai: 1 }, lease: random.integer(1, plan.leaseSeconds), idempotency }], signal))
    if (answers?.[0]?.outcome !== 'reserved') return
    await sleep(random.integer(0, 200))
    const end = random.weigh({ commit: 4, refund: 4, report: 1, leave: 1 })
    if (end === 'commit') await persist(bench, (signal) => ledger.commit([{ id, user }], signal))
    if (end === 'refund') await persist(bench, (signal) => ledger.refund([{ id, user }], signal))
    if (end === 'report') await persist(bench, (signal) => ledger.extend([{ id, user, lease: 1, reported: 1 }], signal))
  },

  /** Handed to another process, which settles it by its id. */
  async detached(bench) {
    const { plan, random, pending } = bench
    const admission = await admit(bench)
    if (admission.outcome !== 'admitted') return
    const { credits } = admission
    const detached = await pending.track(credits.detach({ leaseSeconds: plan.leaseSeconds })).catch(() => undefined)
    if (detached !== undefined) bench.handOver({ reservation: detached, ...(random.chance(0.7) && { amount: random.integer(0, credits.amount) }) })
    await pending.track(admission.settle({ ...FINISHED, status: random.pick([200, 500]) }))
  },

  /** Commits, then says something else about it, then the same again. */
  async contradicted(bench) {
    const { plan, random, ledger } = bench
    const { user } = random.pick(plan.accounts)
    const id = randomUUID()
    const answers = await persist(bench, (signal) => ledger.reserve([{ id, user, amounts: { lead: 3 }, lease: plan.leaseSeconds }], signal))
    if (answers?.[0]?.outcome !== 'reserved') return
    const calls = random.chance(0.5) ? [2, 3, 2, 'refund'] as const : ['refund', 3, 'refund'] as const
    for (const call of calls) {
      if (call === 'refund') await persist(bench, (signal) => ledger.refund([{ id, user }], signal))
      else await persist(bench, (signal) => ledger.commit([{ id, user, amounts: call }], signal))
    }
  },

  /** Gives up an id before it was reserved; the reserve then arrives in vain. */
  async 'given-up'(bench) {
    const { plan, random, ledger } = bench
    const { user } = random.pick(plan.accounts)
    const request = { id: randomUUID(), user, amounts: { ai: 2 }, lease: plan.leaseSeconds }
    const refund = persist(bench, (signal) => ledger.refund([{ id: request.id, user }], signal))
    if (random.chance(0.5)) await refund
    await Promise.all([refund, persist(bench, (signal) => ledger.reserve([request], signal))])
  },

  /** Gives credits back after a commit, in parts, each delivered twice. */
  async reversed(bench) {
    const { plan, random, guard, ledger } = bench
    const { user } = random.pick(plan.accounts)
    const id = randomUUID()
    await persist(bench, (signal) => ledger.reserve([{ id, user, amounts: { ai: 5 }, lease: plan.leaseSeconds }], signal))
    const answer = await persist(bench, () => guard.commit(id, 4))
    if (answer?.outcome !== 'committed') return
    await sleep(random.integer(0, 300))
    const reverse = (key: string, amount?: number) => persist(bench, () => guard.reverse(id, { key, ...(amount !== undefined && { amount }) }))
    await Promise.all([reverse('first', 1), reverse('first', 1), reverse('second', random.integer(0, 5))])
    if (random.chance(0.5)) await reverse('rest')
  },

  /** A billing webhook; several processes get the same one. */
  async reset(bench) {
    const { plan, random, guard } = bench
    const { subscription } = random.pick(plan.accounts.filter(({ kind }) => kind === (random.chance(0.7) ? 'shared' : 'usual')))
    const request = { subscription, creditType: random.pick(TYPES), key: `period-${String(Math.floor(Date.now() / PERIOD_MILLISECONDS))}` }
    const deliver = () => persist(bench, () => guard.reset(request))
    await Promise.all([deliver(), deliver()])
  },

  async swept(bench) {
    const most = bench.random.pick([1, 20, 500])
    await persist(bench, () => bench.guard.sweep({ most }))
  },
} satisfies Record<string, Errand>

function createSharedKey(random: Random): string {
  return `${String(Math.floor(Date.now() / KEY_MILLISECONDS))}-${String(random.integer(0, 2))}`
}

function admit({ plan, random, guard, pending }: Bench, amount = random.integer(0, 4)): Promise<Admission> {
  const { token } = random.pick(plan.accounts)
  const gate = guard.requireCredits(random.pick(TYPES), amount)
  return pending.track(gate.admit({ method: 'POST', authorization: `Bearer ${token}`, context: {} }))
}

async function settle({ random, pending }: Bench, admission: Extract<Admission, { outcome: 'admitted' }>): Promise<void> {
  const { credits } = admission
  const outcomes: Record<string, () => Outcome> = {
    all: () => FINISHED,
    part: () => {
      credits.commit(Object.fromEntries(Object.entries(credits.amounts).map(([type, amount]) => [type, random.integer(0, amount + 1)])))
      return FINISHED
    },
    refund: () => {
      credits.refund()
      return FINISHED
    },
    error: () => ({ ...FINISHED, status: 500 }),
    threw: () => ({ ...FINISHED, threw: true }),
    left: () => ({ ...FINISHED, ended: 'aborted', started: random.chance(0.5) }),
    broke: () => ({ ...FINISHED, ended: 'failed' }),
  }
  const outcome = outcomes[random.weigh({ all: 4, part: 3, refund: 1, error: 1, threw: 1, left: 1, broke: 1 })]?.() ?? FINISHED
  await pending.track(admission.settle(outcome))
}

/** Makes a call again until it is answered, a few times. */
export async function persist<Answer>({ pending, random }: Pick<Bench, 'pending' | 'random'>, call: (signal: AbortSignal) => Promise<Answer>): Promise<Answer | undefined> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    try {
      return await pending.track(call(AbortSignal.timeout(ATTEMPT_MILLISECONDS)))
    } catch (error) {
      if (!(error instanceof LedgerFault) || error.kind === 'set-up') throw error
    }
    await sleep(random.integer(20, 200) * attempt)
  }
  return undefined
}
