/** Tells how far the run is, on stderr: stdout holds the results alone. */
export type Say = (text: string) => void

export function createProgress(): (part: string) => Say {
  const started = performance.now()
  return (part) => (text) => {
    const seconds = Math.floor((performance.now() - started) / 1000)
    process.stderr.write(`[${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}] ${part}: ${text}\n`)
  }
}
