import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createMemoryLedger, createTestClock, type MemoryLedger, type TestClock } from 'creditgate/testing'
import { answers } from '../../src/ledger/ledger.ts'
import type { Account } from '../support/seed.ts'
import { createClient, type Call, type Client } from './client.ts'
import { createModel, type Model } from './model.ts'
import { allowSeconds, createRuns, replayPath } from './runs.ts'
import { compareById, type Snapshot } from './snapshot.ts'
import { GRID_SECONDS, roundUpToGrid } from './row-model.ts'
import { opening, weigh } from './step-arbitraries.ts'
import { describeStep, type Step } from './steps.ts'

/** The ledger in memory answers and keeps what the model says that Postgres is held to: whoever tests with one has tested with the other. */

interface Expected {
  readonly client: Client
  readonly model: Model
}

class Scene {
  readonly clock: TestClock = createTestClock()
  readonly ledger: MemoryLedger = createMemoryLedger({ clock: this.clock })
  readonly account: Account = this.ledger.createAccount()

  async perform(call: Call): Promise<unknown> {
    // What happens in a later step happens later.
    this.clock.advance({ seconds: 0.001 })
    switch (call.operation) {
      case 'insert':
        for (const { resetDays, ...row } of call.rows) this.ledger.addCredits(this.account, { ...row, resetInDays: resetDays })
        return undefined
      case 'advance':
        this.clock.advance({ seconds: call.seconds })
        return undefined
      case 'write':
        this.#write(call)
        return undefined
      case 'sweep':
        return this.#repeat(() => this.ledger.sweep({ most: call.most }), ['expired', 'cycles'])
      case 'prune':
        return this.#repeat(() => this.ledger.prune({ most: call.most, olderThanDays: call.olderThanDays }), ['pruned'], call.steps === 'one' ? 1 : Infinity)
      default: {
        const given = (await this.ledger[call.operation](call.requests as never[])) as readonly object[] as readonly Record<string, unknown>[]
        // All that the port promises, and nothing besides.
        for (const answer of given) expect(answers[call.operation].parse(answer)).toEqual(answer)
        return given.map((answer) => this.#strip(answer))
      }
    }
  }

  snapshot(): Snapshot {
    const rows = this.ledger.listRows()
    const reservations = this.ledger.listReservations()
    return {
      rows: rows.map(({ id, used, cycle, resetInDays, cycleStart }) => ({ id, used, cycle, resetDays: resetInDays, age: Math.floor((this.clock.now() - cycleStart) / 1000 / GRID_SECONDS) * GRID_SECONDS })).sort(compareById),
      reservations: reservations
        .map(({ id, state, asked, amounts, reported = null, allocations }) => ({ id, state, asked, amounts, reported, allocations: allocations.map(({ row, cycle, held, kept }) => ({ row, cycle, held, kept })) }))
        .sort(compareById),
      responses: reservations.filter(({ response }) => response !== undefined).map(({ id }) => id).sort(),
      violations: [...this.ledger.listViolations()].sort(compareById),
    }
  }

  #write({ row: { id }, change }: Extract<Call, { operation: 'write' }>): void {
    if (change === 'delete' || 'allotted' in change) this.ledger.changeRow(id, change)
    else if ('used' in change) this.ledger.writeUsed(id, change.used ?? 0)
    else this.ledger.writeUsed(id, Math.max(this.ledger.readRow(id).used + change.usedBy, 0))
  }

  async #repeat(step: () => Promise<object>, counts: readonly string[], most = Infinity): Promise<Record<string, number>> {
    const total: Record<string, number> = Object.fromEntries(counts.map((count) => [count, 0]))
    for (let steps = 1; ; steps += 1) {
      const answer = (await step()) as Record<string, number | boolean>
      for (const count of counts) total[count] = (total[count] ?? 0) + Number(answer[count])
      if (answer['more'] === false || steps === most) return total
    }
  }

  #strip(answer: Record<string, unknown>): Record<string, unknown> {
    return Object.fromEntries(Object.entries(answer).filter(([name]) => name !== 'reason').map(([name, value]) => [name, this.#stripValue(name, value)]))
  }

  #stripValue(name: string, value: unknown): unknown {
    if (value === null) return null
    if (name === 'resetsIn' || name === 'endsIn') return roundUpToGrid(Number(value))
    if (name === 'resetsAt') return roundUpToGrid((Date.parse(value as string) - this.clock.now()) / 1000)
    if (name !== 'balances') return value
    return Object.fromEntries(Object.entries(value as Record<string, Record<string, unknown>>).map(([type, balance]) => [type, this.#strip(balance)]))
  }
}

class StepCommand implements fc.AsyncCommand<Expected, Scene> {
  constructor(private readonly step: Step) {}

  check({ client }: Readonly<Expected>): boolean {
    return client.applies(this.step)
  }

  async run({ client, model }: Expected, scene: Scene): Promise<void> {
    const call = client.resolve(this.step)
    const predicted = model.predict(call)
    expect(await scene.perform(call)).toEqual(predicted)
  }

  toString(): string {
    return describeStep(this.step, String)
  }
}

const WEIGHTS = { insert: 1, reserve: 8, tryReserve: 1, reserveAgain: 1, repeat: 1, crash: 1, commit: 5, refund: 2, extend: 3, reverse: 4, reset: 1, sweep: 1, prune: 2, advance: 3, leap: 2, write: 1 }
const commands = fc.commands(
  weigh(WEIGHTS).map((step) => step.map((each) => new StepCommand(each))),
  { maxCommands: 30, size: '+1', ...replayPath },
)

it('a ledger in memory answers and keeps what the model says', { timeout: allowSeconds(30) }, async () => {
  const property = fc.asyncProperty(opening, commands, async ({ steps }, then) => {
    const scene = new Scene()
    const expected = { client: createClient(scene.account, randomUUID()), model: createModel(scene.account) }
    for (const step of steps) await new StepCommand(step).run(expected, scene)
    await fc.asyncModelRun(() => ({ model: expected, real: scene }), then)
    expect(scene.snapshot()).toEqual(expected.model.snapshot())
  })
  await fc.assert(property, createRuns('ledger in memory', { ci: 2_000, long: 50_000 }))
})
