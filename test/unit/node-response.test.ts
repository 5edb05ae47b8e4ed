import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { awaitClose, type NodeResponseLike } from '../../src/node-response.ts'

type State = Pick<NodeResponseLike, 'errored' | 'writableFinished' | 'headersSent'>

/** Node's own responses are met in the suite of the hosts; here are the states they end in. */
async function end(state: State): Promise<Awaited<ReturnType<typeof awaitClose>>> {
  const response = Object.assign(new EventEmitter(), { statusCode: 200, headersSent: false, writableFinished: false, errored: null, closed: false })
  const closed = awaitClose(response)
  Object.assign(response, state)
  response.emit('finish')
  response.emit('close')
  return closed
}
const lost = (code: string): Error => Object.assign(new Error(code), { code })
const good: State = { errored: null, writableFinished: true, headersSent: true }

it.each<[string, State, string]>([
  ['all of it was written', good, 'finished'],
  ['it was not written to its end', { ...good, writableFinished: false }, 'aborted'],
  ['nothing of it was written', { errored: null, writableFinished: false, headersSent: false }, 'aborted'],
  ['the connection was reset', { ...good, writableFinished: false, errored: lost('ECONNRESET') }, 'aborted'],
  ['the connection was closed under a write', { ...good, writableFinished: false, errored: lost('EPIPE') }, 'aborted'],
  ['a pipeline into it was cut by the client', { ...good, writableFinished: false, errored: lost('ERR_STREAM_PREMATURE_CLOSE') }, 'aborted'],
  ['the handler destroyed it with an error', { ...good, writableFinished: false, errored: new Error('upstream') }, 'failed'],
  ['the server destroyed it and gave no error', { ...good, writableFinished: false, errored: undefined }, 'failed'],
  ['it broke, and the host then ended it with a word of its own', { ...good, errored: new Error('upstream') }, 'failed'],
])('when %s, it is told so', async (_case, state, ended) => {
  expect(await end(state)).toEqual({ ended, started: state.headersSent })
})

it('reads the state at the close, not before', async () => {
  expect(await end({ ...good, headersSent: true })).toEqual({ ended: 'finished', started: true })
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
