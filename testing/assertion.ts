/** Assertions of our own, so that a scenario runs under any test framework, and on runtimes that have none. */

/** @throws Error that says what was found and what was expected. */
export function assert(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what)
}

/** @throws Error unless both are the same down to the leaves. */
export function assertEqual(found: unknown, expected: unknown, what: string): void {
  assert(isEqual(found, expected), `${what}: found ${show(found)}, expected ${show(expected)}`)
}

/** @throws Error unless all that is expected is there; objects may have more besides. */
export function assertMatch(found: unknown, expected: unknown, what: string): void {
  assert(contains(found, expected), `${what}: found ${show(found)}, expected at least ${show(expected)}`)
}

/** Tries again until it holds or so many milliseconds have passed. */
export async function waitUntil(holds: () => boolean | Promise<boolean>, { what, withinMilliseconds = 5_000 }: { readonly what: string; readonly withinMilliseconds?: number }): Promise<void> {
  for (const deadline = performance.now() + withinMilliseconds; !(await holds()); ) {
    assert(performance.now() < deadline, `${what}: not within ${withinMilliseconds} ms`)
    await sleep(10)
  }
}

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

function isEqual(one: unknown, other: unknown): boolean {
  return contains(one, other) && contains(other, one)
}

function contains(found: unknown, expected: unknown): boolean {
  if (typeof expected !== 'object' || expected === null) return Object.is(found, expected)
  if (typeof found !== 'object' || found === null || Array.isArray(found) !== Array.isArray(expected)) return false
  if (Array.isArray(expected) && (found as unknown[]).length !== expected.length) return false
  return Object.entries(expected).every(([name, value]) => Object.hasOwn(found, name) && contains((found as Record<string, unknown>)[name], value))
}

function show(value: unknown): string {
  return value === undefined ? 'undefined' : JSON.stringify(value)
}
