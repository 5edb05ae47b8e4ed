import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createGuard, type Amount, type Credits, type Guard, type RouteOptions } from 'creditgate'
import { createMemoryLedger, createTestIdentity, hostScenarios, reasonToSkip, type Host } from 'creditgate/testing'
import { HOSTS } from '../support/hosts.ts'
import { RUNTIMES } from '../support/runtime-hosts.ts'

/** docs/adapters.md is true: its adapter passes every scenario, its examples compile, its table is what is skipped. */

const ROOT = new URL('../../', import.meta.url).pathname
const page = readFileSync(join(ROOT, 'docs/adapters.md'), 'utf8')
const snippets = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code ?? '')

/** Beside this test, so that its imports are found as this file's are. */
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(ROOT, 'test/contract/.page-'))
  snippets.forEach((code, place) => writeFileSync(join(folder, `snippet-${place}.ts`), code))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

type Serve = (req: IncomingMessage, res: ServerResponse) => Promise<void>
type Handler = (req: IncomingMessage, res: ServerResponse, credits: Credits) => Promise<void>
interface Page {
  readonly httpCredits: (guard: Guard) => (type: string, amount: Amount<IncomingMessage>, options?: RouteOptions) => (handler: Handler) => Serve
}

const host: Host = {
  name: 'node:http',
  async serve(guard, route) {
    const { httpCredits } = (await import(/* @vite-ignore */ pathToFileURL(join(folder, 'snippet-0.ts')).href)) as Page
    const requireCredits = httpCredits(guard)
    const handle: Handler = async (_req, res, credits) => {
      const ending = await route.handle(credits)
      if (ending.kind === 'throw') throw ending.value
      res.statusCode = ending.status
      if (ending.kind === 'text') return void res.end(ending.body)
      res.setHeader('Content-Type', ending.contentType).flushHeaders()
      await pipeline(Readable.from(ending.chunks), res).catch(() => undefined)
    }
    const guarded = route.requires.reduceRight<Handler>((inner, { type, amount, options }) => {
      return (req, res, outer) => requireCredits(type, amount, options)((_req, _res, credits) => inner(req, res, outer.id === '' ? credits : outer))(req, res)
    }, handle)
    const none = { id: '' } as Credits
    const server = createServer((req, res) => {
      void readBody(req)
        .then(() => guarded(req, res, none))
        .catch(() => {
          if (res.headersSent) res.destroy()
          else res.writeHead(route.errorStatus).end('sorry')
        })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return { at: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => close(server) }
  },
}

async function readBody(req: IncomingMessage): Promise<void> {
  let body = ''
  for await (const chunk of req) body += String(chunk)
  Object.assign(req, { body })
}

function close(server: Server): Promise<void> {
  server.closeAllConnections()
  return new Promise((resolve) => server.close(() => resolve()))
}

describe('the adapter of the page', () => {
  const ledger = createMemoryLedger()
  const identity = createTestIdentity()
  const guard = createGuard({ identity, ledger, onEvent: () => undefined })
  it.each(hostScenarios)('$name', ({ run }) => run({ host, guard, books: ledger, createToken: (user) => identity.createToken({ user }) }))
})

it('each example of the page compiles', { timeout: 60_000 }, () => {
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (file) => readFileSync(file, 'utf8')) as { readonly config: unknown }
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT)
  const program = ts.createProgram(snippets.map((_code, place) => join(folder, `snippet-${place}.ts`)), options)
  const faults = ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))
  expect(faults).toEqual([])
  expect(snippets.length).toBe(3)
})

it('the table of the page is what is skipped, for the reasons that the skips give', () => {
  const section = page.slice(page.indexOf('\n## Hosts\n'), page.indexOf('These are the words'))
  const rows = [...section.matchAll(/^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$/gm)].map(([, ...cells]) => cells.map((cell) => cell.replaceAll('`', '').trim()))
  const expected = [...HOSTS, ...RUNTIMES].flatMap(({ name, cannot = {} }) => {
    const lacks = Object.entries(cannot).map(([ability, reason]) => [name, ability, reason])
    return lacks.length === 0 ? [[name, '-', '-']] : lacks
  })
  expect(rows.slice(1).sort()).toEqual(expected.sort())
  // Nothing is excused that no scenario asks for.
  for (const { cannot = {} } of [...HOSTS, ...RUNTIMES]) {
    for (const ability of Object.keys(cannot)) expect(hostScenarios.some((scenario) => reasonToSkip(scenario, { cannot: { [ability]: 'because' } }) !== undefined), ability).toBe(true)
  }
})
