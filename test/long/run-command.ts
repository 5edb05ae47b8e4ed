import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export interface Command {
  /** Arguments of Node. */
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly withinSeconds: number
}

export interface Ended {
  readonly succeeded: boolean
  readonly output: string
  readonly seconds: number
}

/** Runs a Node script from the root of the repository. Its errors are passed on as they come, its output line by line to `onLine`. */
export async function runCommand({ args, env = {}, withinSeconds }: Command, onLine: (line: string) => void): Promise<Ended> {
  const started = performance.now()
  const child = spawn(process.execPath, [...args], { cwd: ROOT, env: { ...process.env, NO_COLOR: '1', ...env }, stdio: ['ignore', 'pipe', 'inherit'], timeout: withinSeconds * 1000 })
  const end = () => child.kill()
  process.once('exit', end)
  let output = ''
  let told = 0
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk
    for (let next = output.indexOf('\n', told); next >= 0; next = output.indexOf('\n', told)) {
      onLine(output.slice(told, next))
      told = next + 1
    }
  })
  const [code] = (await once(child, 'close')) as [number | null]
  process.off('exit', end)
  return { succeeded: code === 0, output, seconds: Math.round((performance.now() - started) / 1000) }
}
