import { EXIT, RefusedError } from './exit.ts'
import type { Flags } from './flags.ts'
import { writePlanned, type PlannedFile } from './project.ts'
import type { Terminal } from './terminal.ts'

/** Shows the files that are to be written, asks, writes them, and says what comes next. The caller's flags have `yes` and `json`. */
export async function proposeFiles(files: readonly PlannedFile[], { flags, terminal, next }: { readonly flags: Flags; readonly terminal: Terminal; readonly next: string }): Promise<number> {
  const fresh = files.filter(({ present }) => !present)
  const report = (written: readonly string[]) => {
    if (flags.given('json')) terminal.printJson({ written, unchanged: files.filter(({ present }) => present).map(({ path }) => path) })
    else terminal.print(written.map((path) => `${path}\n`).join(''))
  }
  if (fresh.length === 0) {
    terminal.say(`Nothing to do: ${files.map(({ path }) => path).join(' and ')} ${files.length === 1 ? 'is' : 'are'} up to date.\n`)
    report([])
    return EXIT.done
  }
  for (const { path, text } of fresh) terminal.say(`To be written: ${path}\n${preview(text)}\n`)
  if (!flags.given('yes') && !(await terminal.confirm('Write it?'))) throw new RefusedError('nothing was written')
  writePlanned(fresh)
  report(fresh.map(({ path }) => path))
  terminal.say(`Written. Next: ${next}\n`)
  return EXIT.done
}

const PREVIEW_LINES = 20

function preview(text: string): string {
  const lines = text.trimEnd().split('\n')
  const shown = lines.length <= PREVIEW_LINES ? lines : [...lines.slice(0, 4), `... ${lines.length} lines in all; the whole: creditgate sql`]
  return shown.map((line) => `  ${line}`.trimEnd() + '\n').join('')
}
