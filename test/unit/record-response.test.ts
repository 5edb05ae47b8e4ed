import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createRecorder, type StoredResponse } from '../../src/recorder.ts'
import { recordResponse } from '../../src/node-response.ts'

/** What a Node response sends, taken down as the handler sends it. */

let send: (response: ServerResponse) => void
let recorded: StoredResponse | undefined
const server = createServer((_request, response) => {
  const recorder = createRecorder({ maxBytes: 1_000, headers: new Set(['content-type', 'x-a', 'x-b', 'content-encoding']) })
  recordResponse(response, recorder)
  response.once('close', () => (recorded = recorder.read()))
  send(response)
})
beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)))
afterAll(() => new Promise((resolve) => server.close(resolve)))

it.each<[string, (response: ServerResponse) => void, { status: number; headers: Record<string, string>; body: string }]>([
  ['set and ended', (response) => response.setHeader('X-A', 1).end('text'), { status: 200, headers: { 'x-a': '1' }, body: 'text' }],
  ['given to writeHead', (response) => response.writeHead(201, { 'X-A': 'a', 'x-b': ['1', '2'] }).end('text'), { status: 201, headers: { 'x-a': 'a', 'x-b': '1, 2' }, body: 'text' }],
  ['given to writeHead with a reason', (response) => response.writeHead(201, 'Made', { 'X-A': 'a' }).end(), { status: 201, headers: { 'x-a': 'a' }, body: '' }],
  ['given to writeHead as a list', (response) => response.writeHead(200, ['X-A', 'a', 'X-B', 'b']).end(), { status: 200, headers: { 'x-a': 'a', 'x-b': 'b' }, body: '' }],
  ['both set and given', (response) => response.setHeader('X-A', 'set').writeHead(200, { 'X-B': 'given' }).end(), { status: 200, headers: { 'x-a': 'set', 'x-b': 'given' }, body: '' }],
  ['only a status', (response) => { response.statusCode = 204; response.end() }, { status: 204, headers: {}, body: '' }],
  ['written in parts of every kind', (response) => { response.write('76', 'hex'); response.write(Buffer.from('b')); response.write(new Uint8Array([99])); response.end('ZA==', 'base64') }, { status: 200, headers: {}, body: 'vbcd' }],
  ['ended with a callback alone', (response) => { response.write('a'); response.end(() => undefined) }, { status: 200, headers: {}, body: 'a' }],
  ['flushed before its body', (response) => { response.setHeader('X-A', 'a'); response.flushHeaders(); response.end('late') }, { status: 200, headers: { 'x-a': 'a' }, body: 'late' }],
])('%s', async (_how, sends, { status, headers, body }) => {
  send = sends
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  expect(response.status).toBe(status)
  expect(await response.text()).toBe(body)
  await expect.poll(() => recorded).toBeDefined()
  expect({ ...recorded, body: Buffer.from(recorded?.body ?? '').toString() }).toEqual({ status, headers, body })
  recorded = undefined
})
