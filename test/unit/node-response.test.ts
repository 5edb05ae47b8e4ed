import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { awaitClose, type NodeResponseLike } from '../../src/node-response.ts'

interface State extends Pick<NodeResponseLike, 'errored' | 'writableFinished'> {
  /** What was written of its body. */
  readonly body: string
}

/** Node's own responses are met in the suite of the hosts; here are the states they end in. */
async function end({ body, ...state }: State): Promise<Awaited<ReturnType<typeof awaitClose>>> {
  const response = Object.assign(new EventEmitter(), { statusCode: 200, writableFinished: false, errored: null, closed: false, write: () => true, end: () => undefined })
  const closed = awaitClose(response)
  // A function is a callback, and no byte.
  ;(response.write as (chunk: unknown) => boolean)(body)
  ;(response.end as (done: unknown) => void)(() => undefined)
  Object.assign(response, state)
  response.emit('finish')
  response.emit('close')
  return closed
}
const lost = (code: string): Error => Object.assign(new Error(code), { code })
const good: State = { errored: null, writableFinished: true, body: 'text' }

it.each<[string, State, string]>([
  ['all of it was written', good, 'finished'],
  ['it was not written to its end', { ...good, writableFinished: false }, 'aborted'],
  ['nothing of it was written', { errored: null, writableFinished: false, body: '' }, 'aborted'],
  ['the connection was reset', { ...good, writableFinished: false, errored: lost('ECONNRESET') }, 'aborted'],
  ['the connection was closed under a write', { ...good, writableFinished: false, errored: lost('EPIPE') }, 'aborted'],
  ['a pipeline into it was cut by the client', { ...good, writableFinished: false, errored: lost('ERR_STREAM_PREMATURE_CLOSE') }, 'aborted'],
  ['the handler destroyed it with an error', { ...good, writableFinished: false, errored: new Error('upstream') }, 'failed'],
  ['the server destroyed it and gave no error', { ...good, writableFinished: false, errored: undefined }, 'failed'],
  ['it broke, and the host then ended it with a word of its own', { ...good, errored: new Error('upstream') }, 'failed'],
])('when %s, it is told so', async (_case, state, ended) => {
  expect(await end(state)).toEqual({ ended, started: state.body !== '' })
})

it('knows a body that is handed over with the end', async () => {
  const response = Object.assign(new EventEmitter(), { statusCode: 200, writableFinished: true, errored: null, closed: false, write: () => true, end: () => undefined })
  const closed = awaitClose(response)
  ;(response.end as (text: string) => void)('all of it')
  response.emit('close')
  expect(await closed).toEqual({ ended: 'finished', started: true })
})

it('is told by a real response whether its server cut it or its client left', async () => {
  const ends: string[] = []
  const server = createServer((request, response) => {
    void awaitClose(response).then(({ ended }) => ends.push(ended))
    response.write('first', () => {
      if (request.url === '/cut') response.destroy()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  for (const path of ['/cut', '/leave']) {
    const response = await fetch(`http://127.0.0.1:${port}${path}`)
    const reader = response.body?.getReader()
    await reader?.read()
    await (path === '/leave' ? reader?.cancel() : reader?.read().catch(() => undefined))
  }
  await expect.poll(() => ends).toEqual(['failed', 'aborted'])
  server.close()
})
