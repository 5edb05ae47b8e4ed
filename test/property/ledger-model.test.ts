import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LEDGERS, type LedgerFixture } from '../support/ledgers.ts'
import { createClient, type Client } from './client.ts'
import { createModel, type Model } from './model.ts'
import { allowSeconds, createRuns, replayPath, type RunCounts } from './runs.ts'
import { createStages, type Stage } from './stage.ts'
import { opening, weigh } from './step-arbitraries.ts'
import { describeStep, type Step } from './steps.ts'

/** Whatever happens to a subscription, in whatever order, the database answers and keeps what a small model says. */

interface Expected {
  readonly client: Client
  readonly model: Model
}

class StepCommand implements fc.AsyncCommand<Expected, Stage> {
  private described: string

  constructor(private readonly step: Step) {
    this.described = describeStep(step, String)
  }

  check({ client }: Readonly<Expected>): boolean {
    return client.applies(this.step)
  }

  async run({ client, model }: Expected, stage: Stage): Promise<void> {
    this.described = describeStep(this.step, (target) => client.nameTarget(target))
    const call = client.resolve(this.step)
    const answers = await stage.perform(call)
    expect(answers).toEqual(model.predict(call))
  }

  toString(): string {
    return this.described
  }
}

/** A day's traffic, more of what matters more. */
const TRAFFIC = { insert: 1, reserve: 8, tryReserve: 1, reserveAgain: 1, repeat: 1, crash: 1, commit: 5, refund: 2, extend: 3, reverse: 3, reset: 1, sweep: 1, prune: 1, advance: 3, leap: 1, write: 1 }
/** What piles up over many cycles, and is reversed and forgotten. */
const HISTORY = { reserve: 6, commit: 6, reverse: 6, reset: 1, sweep: 1, prune: 3, leap: 3, write: 1 }

function createCommands(weights: Parameters<typeof weigh>[0]) {
  return fc.commands(
    weigh(weights).map((step) => step.map((each) => new StepCommand(each))),
    { maxCommands: 30, size: '+1', ...replayPath },
  )
}

const commands = fc.oneof({ weight: 3, arbitrary: createCommands(TRAFFIC) }, { weight: 1, arbitrary: createCommands(HISTORY) })

const TARGETS: Readonly<Record<string, RunCounts>> = {
  'PGlite': { ci: 2_000, long: 50_000 },
  'Postgres through pg': { ci: 200, long: 5_000 },
}

describe.each(Object.keys(TARGETS))('%s', (name) => {
  let fixture: LedgerFixture
  beforeAll(async () => {
    fixture = await (LEDGERS[name]?.() ?? Promise.reject(new Error(`there is no ledger ${name}`)))
  })
  afterAll(() => fixture.close())

  it('answers and keeps what the model says', { timeout: allowSeconds(60) }, async () => {
    const openStages = createStages(fixture)
    const property = fc.asyncProperty(opening, commands, async ({ steps }, then) => {
      const [stage] = await openStages(1)
      if (stage === undefined) throw new Error('there is no stage')
      const expected = { client: createClient(stage.account, randomUUID()), model: createModel(stage.account) }
      for (const step of steps) await new StepCommand(step).run(expected, stage)
      await fc.asyncModelRun(() => ({ model: expected, real: stage }), then)
      expect(await stage.snapshot(expected.client.listIds())).toEqual(expected.model.snapshot())
    })
    await fc.assert(property, createRuns(`ledger model on ${name}`, TARGETS[name] ?? { ci: 0, long: 0 }))
  })
})
