import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { serve } from '@hono/node-server'
import express5, { type ErrorRequestHandler, type RequestHandler } from 'express'
import express4 from 'express4'
import createFastify from 'fastify'
import { Hono } from 'hono'
import type { Credits, Guard, RouteOptions } from 'creditgate'
import { expressCredits } from 'creditgate/express'
import { fastifyCredits } from 'creditgate/fastify'
import { fetchCredits } from 'creditgate/fetch'
import { honoCredits } from 'creditgate/hono'

/** How a handler's response goes, told without a host. A stream whose iterator throws fails in the middle. */
export type Ending =
  | { readonly kind: 'text'; readonly status: number; readonly body: string }
  | { readonly kind: 'stream'; readonly chunks: AsyncIterable<string> }
  | { readonly kind: 'throw'; readonly value: unknown }

export interface Route {
  readonly requires: readonly { readonly type: 'ai' | 'lead'; readonly amount: number; readonly options?: RouteOptions }[]
  /** Where the guards stand: before the handler of the route, or on the router before any route. */
  readonly guardsRouter?: boolean
  /** An error handler of the app answers 200 to everything that is thrown. */
  readonly forgives?: boolean
  handle(credits: Credits): Promise<Ending>
}

export interface Client {
  /** Sends one request and behaves as told; resolves with the status, or undefined when it left before there was one. */
  send(token: string, behaviour: Behaviour, options?: SendOptions): Promise<{ status: number; headers: Headers; body: string } | undefined>
  close(): Promise<void>
}

export interface SendOptions {
  /** Default `POST`. */
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly query?: string
  /** Sent as JSON text. */
  readonly body?: string
}

/** `left` is called when the client has gone, so that a handler can wait for it. */
export type Behaviour =
  | { readonly kind: 'reads all' }
  | { readonly kind: 'leaves before the answer'; readonly when: Promise<void>; left(): void }
  | { readonly kind: 'leaves after the first chunk'; left(): void }

export interface Host {
  readonly name: string
  serve(guard: Guard, route: Route): Promise<Client>
}

const PATH = '/paid'

function hostExpress(name: string, express: typeof express5): Host {
  return {
    name,
    async serve(guard, route) {
      const app = express()
      app.use(express.json())
      const requireCredits = expressCredits(guard)
      const guards = route.requires.map(({ type, amount, options }) => requireCredits(type, amount, options))
      const handler: RequestHandler = (req, res, next) => {
        const respond = async () => {
          const ending = await route.handle(req.credits as Credits)
          if (ending.kind === 'text') res.status(ending.status).send(ending.body)
          else if (ending.kind === 'stream') await pipeline(Readable.from(ending.chunks), res).catch(() => undefined)
          else throw ending.value
        }
        respond().catch(next)
      }
      if (route.guardsRouter === true) {
        app.use(...guards)
        app.all(PATH, handler)
      } else {
        app.all(PATH, ...guards, handler)
      }
      const onError: ErrorRequestHandler = (error, _req, res, next) => {
        if (res.headersSent) next(error)
        else res.status(route.forgives === true ? 200 : 500).send('sorry')
      }
      app.use(onError)
      return listen(createServer(app))
    },
  }
}

function createHono(guard: Guard, route: Route): Hono {
  const app = new Hono()
  const requireCredits = honoCredits(guard)
  for (const { type, amount, options } of route.requires) app.use(PATH, requireCredits(type, amount, options))
  app.onError((_error, c) => c.text('sorry', route.forgives === true ? 200 : 500))
  app.all(PATH, async (c) => {
    const ending = await route.handle(c.var.credits)
    if (ending.kind === 'text') return c.text(ending.body, ending.status as 200)
    if (ending.kind === 'throw') throw ending.value
    return new Response(createBody(ending.chunks))
  })
  return app
}

function createBody(chunks: AsyncIterable<string>): ReadableStream<Uint8Array> {
  return Readable.toWeb(Readable.from(chunks).map((chunk: string) => Buffer.from(chunk))) as ReadableStream<Uint8Array>
}

type Answerer = (request: Request) => Response | Promise<Response>

/** Guards around guards, and around all of them what a framework makes of an error. */
function createAnswerer(guard: Guard, route: Route): Answerer {
  const requireCredits = fetchCredits(guard)
  const handle = async (_request: Request, credits: Credits): Promise<Response> => {
    const ending = await route.handle(credits)
    if (ending.kind === 'throw') throw ending.value
    return ending.kind === 'text' ? new Response(ending.body, { status: ending.status }) : new Response(createBody(ending.chunks))
  }
  const guarded = route.requires.reduceRight<(request: Request, credits: Credits) => Response | Promise<Response>>((inner, { type, amount, options }) => requireCredits(type, amount, options)(inner), handle) as Answerer
  return async (request) => {
    try {
      return await guarded(request)
    } catch {
      return new Response('sorry', { status: route.forgives === true ? 200 : 500 })
    }
  }
}

function serveOnNode(answer: Answerer): Promise<Client> {
  return new Promise((resolve) => {
    const started = serve({ fetch: answer, port: 0, hostname: '127.0.0.1', overrideGlobalObjects: false }, () => {
      resolve(connect(started as Server))
    })
  })
}

/** Called as a function, as tests and fetch-style runtimes do: no socket, the body is all there is to see. */
function callAsFunction(answer: Answerer): Client {
  return {
    async send(token, behaviour, { method = 'POST', headers = {}, query = '', body } = {}) {
      const response = await answer(new Request(`http://localhost${PATH}${query}`, { method, headers: createHeaders(token, headers, body), ...(body === undefined ? {} : { body }) }))
      if (behaviour.kind === 'reads all') {
        return { status: response.status, headers: response.headers, body: await response.text().catch(() => 'broken') }
      }
      const reader = response.body?.getReader()
      await reader?.read()
      await reader?.cancel('gone')
      behaviour.left()
      return { status: response.status, headers: response.headers, body: '' }
    },
    close: () => Promise.resolve(),
  }
}

const fastify: Host = {
  name: 'Fastify 5',
  async serve(guard, route) {
    const app = createFastify({ forceCloseConnections: true })
    const requireCredits = fastifyCredits(app, guard)
    const guards = route.requires.map(({ type, amount, options }) => requireCredits(type, amount, options))
    app.setErrorHandler((_error, _request, reply) => reply.code(route.forgives === true ? 200 : 500).send('sorry'))
    if (route.guardsRouter === true) for (const hook of guards) app.addHook('preHandler', hook)
    app.route({
      method: ['GET', 'HEAD', 'POST', 'OPTIONS'],
      url: PATH,
      ...(route.guardsRouter !== true && { preHandler: guards }),
      async handler(request, reply) {
        const ending = await route.handle(request.credits as Credits)
        if (ending.kind === 'throw') throw ending.value
        return ending.kind === 'text' ? reply.code(ending.status).send(ending.body) : reply.send(Readable.from(ending.chunks))
      },
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    return { ...connect(app.server), close: () => app.close() }
  },
}

export const HOSTS: readonly Host[] = [
  hostExpress('Express 4', express4),
  hostExpress('Express 5', express5),
  { name: 'Hono on Node', serve: (guard, route) => serveOnNode(createHono(guard, route).fetch) },
  { name: 'Hono app.request', serve: (guard, route) => Promise.resolve(callAsFunction((request) => createHono(guard, route).request(request))) },
  fastify,
  { name: 'fetch on Node', serve: (guard, route) => serveOnNode(createAnswerer(guard, route)) },
  { name: 'fetch as a function', serve: (guard, route) => Promise.resolve(callAsFunction(createAnswerer(guard, route))) },
]

function createHeaders(token: string, headers: Readonly<Record<string, string>>, body: string | undefined): Record<string, string> {
  return { Authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers }
}

async function listen(server: Server): Promise<Client> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return connect(server)
}

function connect(server: Server): Client {
  const { port } = server.address() as AddressInfo
  return {
    send(token, behaviour, { method = 'POST', headers = {}, query = '', body: sent } = {}) {
      return new Promise((resolve, reject) => {
        const request = httpRequest({ port, host: '127.0.0.1', path: PATH + query, method, headers: createHeaders(token, headers, sent), agent: false })
        const leave = () => {
          request.destroy()
          if (behaviour.kind !== 'reads all') behaviour.left()
        }
        request.on('error', (error) => {
          if (behaviour.kind === 'leaves before the answer') resolve(undefined)
          else reject(error)
        })
        request.on('response', (response: IncomingMessage) => {
          const received = new Headers(Object.entries(response.headers).flatMap(([name, value]) => [value ?? []].flat().map((one): [string, string] => [name, one])))
          let body = ''
          const done = () => resolve({ status: response.statusCode ?? 0, headers: received, body })
          response.on('data', (chunk: Buffer) => {
            body += chunk.toString()
            if (behaviour.kind === 'leaves after the first chunk') {
              leave()
              done()
            }
          })
          response.on('end', done)
          response.on('error', done)
        })
        if (behaviour.kind === 'leaves before the answer') void behaviour.when.then(leave)
        request.end(sent)
      })
    },
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
