import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { expect, it } from 'vitest'
import { guardOptions, routeOptions } from '../../src/guard-options.ts'
import { PROBLEMS } from '../../src/problem.ts'
import { listPages, readFirstColumn, readPage, ROOT } from './pages.ts'

/** The pages hang together, and what the README lists is what there is. */

const pages = listPages()
const readme = readPage('README.md')

interface Link {
  readonly target: string
  readonly path: string
  readonly anchor: string | undefined
}

/** The links within the repository; what stands in code is none. */
function readLinks(page: string): readonly Link[] {
  const prose = readPage(page).replaceAll(/^```[\s\S]*?^```/gm, '').replaceAll(/`[^`\n]*`/g, '')
  return Array.from(prose.matchAll(/\]\(([^)\s]+)\)/g), ([, target]) => target ?? '')
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [path = '', anchor] = target.split('#')
      return { target, path: path === '' ? page : normalize(join(dirname(page), path)), anchor }
    })
}

/** What GitHub calls the headings of a page. */
function readAnchors(page: string): readonly string[] {
  const text = readPage(page).replaceAll(/^```[\s\S]*?^```/gm, '')
  return Array.from(text.matchAll(/^#+ (.+)$/gm), ([, heading]) => (heading ?? '').toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, '').trim().replaceAll(' ', '-'))
}

it.each(pages)('%s links to files and headings that are there', (page) => {
  const broken = readLinks(page).filter(({ path, anchor }) => !existsSync(join(ROOT, path)) || (anchor !== undefined && !readAnchors(path).includes(anchor)))
  expect(broken.map(({ target }) => target)).toEqual([])
})

it('every page in docs can be reached from the README', () => {
  const reached = new Set<string>()
  const follow = (page: string): void => {
    if (reached.has(page)) return
    reached.add(page)
    for (const { path } of readLinks(page)) if (path.endsWith('.md') && existsSync(join(ROOT, path))) follow(path)
  }
  follow('README.md')
  expect([...pages.filter((page) => page.startsWith('docs/')), 'SECURITY.md', 'CONTRIBUTING.md'].filter((page) => !reached.has(page))).toEqual([])
})

it('every option of createGuard is in the README, and none that there is not', () => {
  expect([...readFirstColumn(readme, '`createGuard`')].sort()).toEqual(Object.keys(guardOptions.shape).sort())
})

it('every option of requireCredits is in the README, and none that there is not', () => {
  expect([...readFirstColumn(readme, '`requireCredits(type, amount, options)`')].sort()).toEqual(['amount', ...Object.keys(routeOptions.shape)].sort())
})

it('every event is in the README, and none that there is not', () => {
  const events = Array.from(readFileSync(join(ROOT, 'src/events.ts'), 'utf8').matchAll(/^ {2}\| \{ readonly type: '(\w+)'/gm), ([, type]) => type)
  expect(events.length).toBeGreaterThan(5)
  const [row = ''] = /^\| `onEvent` \|.*$/m.exec(readme) ?? []
  expect(Array.from(row.slice(row.indexOf('told of')).matchAll(/`(\w+)`/g), ([, type]) => type).sort()).toEqual(events.sort())
})

it('every problem is in the README with its status, and none that there is not', () => {
  const rows = Array.from(readme.matchAll(/^\| (\d{3}) \| ((?:`[a-z-]+`(?:, )?)+) \|/gm), ([, status, names = '']) => Array.from(names.matchAll(/`([a-z-]+)`/g), ([, name]) => `${status} ${name}`))
  expect(rows.flat().sort()).toEqual(Object.entries(PROBLEMS).map(([name, { status }]) => `${status} ${name}`).sort())
})
