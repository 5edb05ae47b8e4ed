import { randomInt } from 'node:crypto'
import { expect, it } from 'vitest'
import { runChaos } from '../chaos/run-chaos.ts'

const SECONDS = 58
/** To repeat a run: CREDITGATE_SEED=<seed> npx vitest run test/recovery/chaos.test.ts */
const seed = process.env['CREDITGATE_SEED'] ?? String(randomInt(2 ** 32))

it(`no credit is lost or minted while everything fails, seed ${seed}`, { timeout: 240_000 }, async () => {
  const told: string[] = []
  const report = await runChaos({ seconds: SECONDS, seed, onProgress: (line) => told.push(line) })
  console.info(JSON.stringify(report))

  // Faults that did not happen prove nothing.
  expect(report.reservations).toBeGreaterThanOrEqual(5_000)
  expect(report.kills).toBeGreaterThanOrEqual(40)
  expect(report.lostReplies).toBeGreaterThanOrEqual(500)
  expect(report.restarts).toBeGreaterThanOrEqual(5)
  expect(report, told.join('\n')).toMatchObject({ violations: 0, deadlocks: 0, openAtEnd: 0, unansweredAtEnd: 0, failures: 0 })
})
