/** A promise timer, also for runtimes that have no `node:timers/promises`. */
export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    globalThis.setTimeout(resolve, milliseconds)
  })
}
