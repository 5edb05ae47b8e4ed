import { execFile, spawn, spawnSync } from 'node:child_process'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findFreePort } from './support/postgres-server.ts'
import { startAuthServer, type AuthServer } from './support/auth-server.ts'
import { startDataApi, type DataApi } from './support/data-api.ts'
import { createDatabase, type Database } from './support/database.ts'
import { addCredits, createAccount, expectNoViolations, readUsed } from './support/seed.ts'

/** The examples as a reader runs them: each in a process of its own, spoken to over HTTP. */

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const HAS_CURL = spawnSync('curl', ['--version']).status === 0

interface Program {
  readonly stdout: string
  readonly stderr: string
  /** Resolves with the first match in what it has printed; rejects when it ends before that. */
  waitFor(pattern: RegExp): Promise<RegExpExecArray>
  interrupt(): void
  readonly exitCode: Promise<number | null>
}

function run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Program {
  const child = spawn('node_modules/.bin/tsx', args, { cwd: ROOT, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const exitCode = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  return {
    get stdout() {
      return stdout
    },
    get stderr() {
      return stderr
    },
    async waitFor(pattern) {
      for (;;) {
        const match = pattern.exec(stdout)
        if (match !== null) return match
        if (child.exitCode !== null || child.signalCode !== null) throw new Error(`it ended before it printed ${String(pattern)}\n${stdout}\n${stderr}`)
        await sleep(20)
      }
    },
    interrupt: () => void child.kill('SIGINT'),
    exitCode,
  }
}

describe('the demo', () => {
  let demo: Program
  let calls: readonly { readonly name: string; readonly status: string; readonly reserved: string; readonly rows: string; readonly committed: string; readonly refunded: string }[]
  beforeAll(async () => {
    demo = run(['examples/demo/main.ts'])
    await demo.exitCode
    calls = demo.stdout.split('\n').flatMap((line) => {
      const [name = '', status = '', reserved = '', rows = '', committed = '', refunded = '', , mark] = line.trim().split(/ {2,}/)
      return mark === '✓' || mark === '✗' ? [{ name, status, reserved, rows, committed, refunded }] : []
    })
  })

  it('ends by itself with 0, having found each call as it should be', async () => {
    expect(await demo.exitCode).toBe(0)
    expect(calls.length).toBeGreaterThan(0)
    expect(demo.stdout).toContain(`${calls.length} of ${calls.length} calls are as they should be in the database.`)
    expect(demo.stdout).not.toContain('✗')
    expect(demo.stdout).toContain('reservations left open: 0; rows in creditgate.violations: 0.')
    expect(demo.stderr).toBe('')
  })

  it('prints plain lines of at most 110 columns', () => {
    expect(Math.max(...demo.stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(110)
    expect(demo.stdout).not.toContain('\u001b')
  })

  it.each<[string, (call: (typeof calls)[number]) => boolean]>([
    ['a commit of all', ({ status, reserved, committed }) => status === '200' && reserved === committed],
    ['a commit of a part', ({ status, committed, refunded }) => status === '200' && Number(committed) > 0 && Number(refunded) > 0],
    ['a refund after a failure', ({ status, reserved, refunded }) => status.startsWith('5') && reserved === refunded],
    ['a refund of a 200', ({ status, reserved, refunded }) => status === '200' && reserved === refunded],
    ['a stream cut by its reader', ({ status, committed, refunded }) => status === '200 cut' && Number(committed) > 0 && Number(refunded) > 0],
    ['a stream that broke', ({ status, committed }) => status === '200 broken' && Number(committed) > 0],
    ['a 402', ({ status, reserved }) => status === '402' && reserved === '-'],
    ['a 401', ({ status, reserved }) => status === '401' && reserved === '-'],
    ['a cycle reset', ({ name, committed }) => name.includes('resets') && Number(committed) > 0],
    ['a top-up spent last', ({ rows, committed }) => /^plan \d+, top-up \d+$/.test(rows) && Number(committed) > 0],
  ])('shows %s', (_name, isShown) => {
    expect(calls.some(isShown)).toBe(true)
  })

  it('shows the credit rows before and after, in their cycles', () => {
    expect(demo.stdout).toMatch(/AICredits +top-up +never +\d+ +0 +[1-9]\d* +0 +0\n/)
    expect(demo.stdout).toMatch(/SkipTraceCredits +plan +every 30 days +\d+ +0 +1 +0 +1\n/)
  })

  it.each([['--nonsense'], ['nonsense']])('answers %s with its usage and 2', async (argument) => {
    const misused = run(['examples/demo/main.ts', argument])
    expect(await misused.exitCode).toBe(2)
    expect(misused.stderr).toContain(argument)
    expect(misused.stderr).toContain('usage: npm run demo')
    expect(misused.stdout).toBe('')
  })

  it.skipIf(!HAS_CURL)('with --serve stays up, its curl lines work, and SIGINT stops it, also in mid-stream (needs curl)', async () => {
    const serving = run(['examples/demo/main.ts', '--serve'])
    try {
      await serving.waitFor(/Ctrl-C here stops the demo/)
      const [token = '', ...curls] = serving.stdout.split('\n').filter((line) => /^(TOKEN=|curl )/.test(line))
      const answers = await Promise.all(curls.map(async (line) => (await promisify(execFile)('sh', ['-c', `${token}\n${line}`])).stdout))
      expect(answers).toEqual([
        expect.stringMatching(/^HTTP\/1.1 200 [^]*credits-remaining: ai=\d+[^]*Credits are held/i),
        expect.stringMatching(/^HTTP\/1.1 200 [^]*credits-remaining: lead=\d+[^]*"company","contact"/i),
        expect.stringMatching(/^HTTP\/1.1 200 [^]*credits-remaining: skip-trace=\d+[^]*"found":true/i),
      ])

      const stalled = spawn('sh', ['-c', `${token}\n${(curls[0] ?? '').replace('Explain credits.', '[stall]')}`])
      const left = new Promise<number | null>((resolve) => stalled.once('close', resolve))
      await new Promise((resolve) => stalled.stdout.once('data', resolve))
      serving.interrupt()
      expect(await serving.exitCode).toBe(0)
      expect(await left).not.toBe(0)
      expect(serving.stdout).toContain('reservations left open: 0; rows in creditgate.violations: 0.')
    } finally {
      serving.interrupt()
    }
  })
})

describe("an example's own server, on a Supabase project", () => {
  let database: Database
  let auth: AuthServer
  let api: DataApi
  let gateway: Server
  let environment: NodeJS.ProcessEnv
  beforeAll(async () => {
    database = await createDatabase()
    auth = await startAuthServer()
    api = await startDataApi(database.url)
    gateway = createServer((request, response) => {
      const { url = '', method = 'GET', headers } = request
      const target = url.startsWith('/rest/v1') ? api.url + url.slice('/rest/v1'.length) : auth.url + url
      void (async () => {
        const body = (await request.toArray()) as Buffer[]
        const { authorization = '', 'content-type': contentType = 'application/json' } = headers
        const answer = await fetch(target, { method, headers: { authorization, 'content-type': contentType }, body: body.length === 0 ? null : Buffer.concat(body) })
        response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' }).end(await answer.text())
      })()
    })
    await new Promise<void>((resolve) => gateway.listen(0, '127.0.0.1', resolve))
    // Not public in supabase-js, but the key that a project's settings page would show.
    const { supabaseKey } = (await api.createClient('service_role')) as unknown as { supabaseKey: string }
    environment = { SUPABASE_URL: `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`, SUPABASE_SECRET_KEY: supabaseKey }
  })
  afterAll(async () => {
    await expectNoViolations(database)
    gateway.closeAllConnections()
    await new Promise((resolve) => gateway.close(resolve))
    await api.stop()
    await auth.close()
    await database.drop()
  })

  it.each([
    { folder: 'ai-endpoint', type: 'ai', query: '', json: { prompt: 'Explain credits.', maxTokens: 9 }, used: 9 },
    { folder: 'lead-export', type: 'lead', query: '?state=VT&rows=9', json: undefined, used: 4 },
    { folder: 'skip-trace', type: 'skipTrace', query: '', json: { name: 'Jane Doe', city: 'Austin' }, used: 1 },
  ] as const)('$folder charges what was used', async ({ folder, type, query, json, used }) => {
    const account = await createAccount(database)
    const row = await addCredits(database, account, { type })
    const token = await auth.signToken({ sub: account.user, iss: `${String(environment['SUPABASE_URL'])}/auth/v1` })
    const server = run([`examples/${folder}/server.ts`], { ...environment, PORT: String(await findFreePort()) })
    try {
      const [, method = '', url = ''] = await server.waitFor(/^(GET|POST) (\S+)$/m)
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
      const response = await fetch(url + query, { method, headers, body: json === undefined ? null : JSON.stringify(json) })
      expect(response.status).toBe(200)
      await response.text()
      await expect.poll(() => readUsed(database, row)).toBe(used)
    } finally {
      server.interrupt()
    }
    expect(await server.exitCode).toBe(0)
  })

  it('says which variable it lacks', async () => {
    const server = run(['examples/skip-trace/server.ts'], { SUPABASE_URL: '' })
    expect(await server.exitCode).toBe(1)
    expect(server.stderr).toContain("Set SUPABASE_URL: your project's settings page shows it.")
  })
})
