import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { mutants } from './mutants.ts'
import { openYard, type Yard } from './yard.ts'

/** A suite that has never caught a broken version proves nothing. All of them: npx tsx test/mutants/run.ts */

const cheap = mutants.filter((mutant) => mutant.cheap === true)
let yard: Yard
beforeAll(async () => {
  yard = await openYard()
  await yard.expectPassing(cheap.flatMap(({ caughtBy }) => caughtBy))
}, 120_000)
afterAll(() => yard.close())

it.each(cheap.map((mutant) => [mutant.name, mutant] as const))('it is caught that %s', { timeout: 60_000 }, async (_name, mutant) => {
  expect(await yard.try(mutant)).toMatchObject({ outcome: 'caught' })
})

it('each has a name of its own', () => {
  expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length)
})

it.each(mutants.map((mutant) => [mutant.name, mutant] as const))('that %s still fits the source, also where CI does not try it', (_name, { also = [], ...edit }) => {
  for (const { file, find } of [edit, ...also]) expect(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8').split(find)).toHaveLength(2)
})
