import { expect } from 'vitest'

/** What a parser answers to one input is quick, however clever the input. */
export function expectQuick<Answer>(work: () => Answer): Answer {
  const started = performance.now()
  const answer = work()
  if (performance.now() - started > 2_000) expect.fail('it took more than 2 seconds')
  return answer
}
