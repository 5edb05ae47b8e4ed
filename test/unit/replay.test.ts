import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRecorder, createResponse } from '../../src/recorder.ts'
import { createRecorderOptions, packResponse, replayOptions, unpackResponse } from '../../src/replay.ts'

const record = (options: { maxBytes?: number; headers?: string[] } = {}) => createRecorder(createRecorderOptions(replayOptions.parse(options)))

describe('a recorder', () => {
  it('takes down status, body and the headers that describe it', () => {
    const recorder = record()
    recorder.begin(201, new Headers({ 'Content-Type': 'text/plain', Location: '/a', 'Set-Cookie': 'session=secret', 'X-Trace': '1', Date: 'today' }))
    recorder.write(Buffer.from('one '))
    recorder.write(Buffer.from('two'))
    const { status, headers, body } = recorder.read() ?? expect.fail('nothing')
    expect([status, headers, Buffer.from(body).toString()]).toEqual([201, { 'content-type': 'text/plain', location: '/a' }, 'one two'])
  })

  it('takes down headers that the route names, whatever their case', () => {
    const recorder = record({ headers: ['X-Model'] })
    recorder.begin(200, [['x-MODEL', 'small']])
    expect(recorder.read()?.headers).toEqual({ 'x-model': 'small' })
  })

  it('keeps bytes as they were when a host uses its buffer again', () => {
    const recorder = record()
    recorder.begin(200, [])
    const chunk = Buffer.from('first')
    recorder.write(chunk)
    chunk.fill('x')
    expect(Buffer.from(recorder.read()?.body ?? '').toString()).toBe('first')
  })

  it('keeps a body of just the bound, and none that is larger', () => {
    const [fits, exceeds] = [record({ maxBytes: 4 }), record({ maxBytes: 4 })]
    for (const recorder of [fits, exceeds]) recorder.begin(200, [])
    for (const chunk of ['12', '34']) fits.write(Buffer.from(chunk))
    for (const chunk of ['12', '34', '5']) exceeds.write(Buffer.from(chunk))
    expect(fits.read()?.body).toHaveLength(4)
    expect(exceeds.read()).toBeUndefined()
  })

  it('has nothing while there was no head', () => {
    expect(record().read()).toBeUndefined()
  })
})

it('a response travels to the database and back, byte for byte, and is told apart from a first answer', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 20_000 }), (bytes) => {
      const stored = { status: 200, headers: { 'content-type': 'text/plain' }, body: new Uint8Array(bytes) }
      const packed = JSON.parse(JSON.stringify(packResponse(stored))) as ReturnType<typeof packResponse>
      expect(packed.body).toBe(Buffer.from(bytes).toString('base64'))
      expect(unpackResponse(packed)).toEqual({ status: 200, headers: { 'content-type': 'text/plain', 'idempotency-replayed': 'true', 'cache-control': 'no-store' }, body: stored.body })
    }),
    { numRuns: 200 },
  )
})

it.each([200, 204, 304])('a stored %d becomes a Response', async (status) => {
  const response = createResponse({ status, headers: { 'x-model': 'small' }, body: new TextEncoder().encode(status === 200 ? 'text' : '') })
  expect([response.status, response.headers.get('x-model'), await response.text()]).toEqual([status, 'small', status === 200 ? 'text' : ''])
})

it.each(['set-cookie', 'Set-Cookie', 'Content-Length', 'a b', ''])('a route cannot have the header %j kept', (name) => {
  expect(replayOptions.safeParse({ headers: [name] }).success).toBe(false)
})
