import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const ROOT = new URL('../../', import.meta.url).pathname

/** Every Markdown file of the repository, by its path from the root. */
export function listPages(): readonly string[] {
  const left = new Set(['node_modules', 'dist', 'coverage', '.git'])
  const list = (folder: string): string[] =>
    readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
      const path = join(folder, entry.name)
      return left.has(entry.name) ? [] : entry.isDirectory() ? list(path) : entry.name.endsWith('.md') ? [path] : []
    })
  return list('.').sort()
}

export function readPage(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

/** The TypeScript that a page shows. */
export function readSnippets(page: string): readonly string[] {
  return Array.from(page.matchAll(/^```(?:ts|typescript|tsx)\b[^\n]*\n([\s\S]*?)^```/gm), ([, snippet]) => snippet ?? '')
}

/** The names in code in the first column of the table that begins with these words. */
export function readFirstColumn(page: string, heading: string): readonly string[] {
  const start = page.indexOf(`| ${heading}`)
  if (start === -1) throw new Error(`there is no table that begins with ${heading}`)
  const rows = page.slice(start).split(/\n(?!\|)/)[0]?.split('\n').slice(2) ?? []
  return rows.flatMap((row) => Array.from((row.split('|')[1] ?? '').matchAll(/`([^`]+)`/g), ([, name]) => name ?? ''))
}
