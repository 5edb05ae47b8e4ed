import { createInterface, type Interface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { styleText } from 'node:util'
import { UsageError } from './exit.ts'

/** What the program is given by the system. */
export interface Io {
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly stdout: Writable & { readonly isTTY?: boolean }
  readonly stderr: Writable & { readonly isTTY?: boolean }
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
}

/** Results go to stdout, talk to stderr, so that a pipe carries results alone. */
export interface Terminal {
  /** A person sits at it and can be asked. */
  readonly interactive: boolean
  print(text: string): void
  printJson(document: unknown): void
  say(text: string): void
  readonly paint: (style: 'red' | 'yellow' | 'green' | 'cyan', text: string) => string
  /** What was typed; the proposal for an empty line, or when the input ends. */
  ask(question: string, proposal: string): Promise<string>
  /** @throws UsageError when nobody can be asked. */
  confirm(question: string): Promise<boolean>
  close(): void
}

export function createTerminal(io: Io, mask: (text: string) => string): Terminal {
  const interactive = io.stdin.isTTY === true
  const coloured = io.stdout.isTTY === true && (io.env['NO_COLOR'] ?? '') === '' && io.env['TERM'] !== 'dumb'
  const say = (text: string) => void io.stderr.write(mask(text))
  const lines = createLines(io, mask)
  return {
    interactive,
    print: (text) => void io.stdout.write(mask(text)),
    printJson: (document) => void io.stdout.write(mask(`${JSON.stringify(document, null, 2)}\n`)),
    say,
    paint: (style, text) => (coloured ? styleText(style, text) : text),
    async ask(question, proposal) {
      const typed = ((await lines.read(`${question}${proposal === '' ? '' : ` [${proposal}]`}: `)) ?? '').trim()
      return typed === '' ? proposal : typed
    },
    async confirm(question) {
      if (!interactive) throw new UsageError('not a terminal: add --yes to do it without asking')
      return /^y(es)?$/i.test(((await lines.read(`${question} [y/N] `)) ?? '').trim())
    },
    close: () => lines.close(),
  }
}

/** One reader for all questions: one for each would lose what was typed ahead. */
function createLines(io: Io, mask: (text: string) => string) {
  let reader: Interface | undefined
  let ended = false
  const typed: string[] = []
  let waiting: ((line: string | undefined) => void) | undefined
  const hand = (line: string | undefined) => {
    const next = waiting
    waiting = undefined
    if (next !== undefined) next(line)
    else if (line !== undefined) typed.push(line)
  }
  const open = () => {
    reader = createInterface({ input: io.stdin, output: io.stderr, terminal: io.stderr.isTTY === true && io.stdin.isTTY === true })
    reader.on('line', hand)
    // The end of the input, and Ctrl-C: as if nothing had been typed, which means no.
    reader.on('close', () => {
      ended = true
      hand(undefined)
    })
    return reader
  }
  return {
    read(question: string): Promise<string | undefined> {
      const current = reader ?? open()
      if (typed.length > 0 || ended) {
        io.stderr.write(mask(question))
        return Promise.resolve(typed.shift())
      }
      current.setPrompt(mask(question))
      current.prompt()
      return new Promise((resolve) => (waiting = resolve))
    },
    close: () => reader?.close(),
  }
}
