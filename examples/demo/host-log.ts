/** What the servers of this process write to the error log. A stream that breaks on purpose is logged by its host. */
export interface HostLog {
  /** Hands the error log back, and returns what was written to it. */
  release(): readonly unknown[]
}

export function holdHostLog(): HostLog {
  const original = console.error
  const written: unknown[] = []
  console.error = (...parts: unknown[]) => void written.push(...parts)
  return {
    release() {
      console.error = original
      return written.splice(0)
    },
  }
}
