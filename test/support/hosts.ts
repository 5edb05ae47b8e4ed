import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { serve } from '@hono/node-server'
import express5, { type ErrorRequestHandler, type RequestHandler } from 'express'
import express4 from 'express4'
import createFastify from 'fastify'
import { Hono } from 'hono'
import type { Credits, Guard } from 'creditgate'
import { expressCredits } from 'creditgate/express'
import { fastifyCredits } from 'creditgate/fastify'
import { honoCredits } from 'creditgate/hono'
import type { Host, Route, Served } from 'creditgate/testing'
import { createAnswerer, createBody } from './fetch-answerer.ts'

const PATH = '/paid'

function createExpress(name: string, express: typeof express5): Host {
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
          if (ending.kind === 'throw') throw ending.value
          res.status(ending.status)
          if (ending.kind === 'text') return res.send(ending.body)
          res.type(ending.contentType).flushHeaders()
          return pipeline(Readable.from(ending.chunks), res).catch(() => undefined)
        }
        respond().catch(next)
      }
      if (route.guardsRouter) app.use(...guards)
      app.all(PATH, ...(route.guardsRouter ? [] : guards), handler)
      const onError: ErrorRequestHandler = (error, _req, res, next) => {
        if (res.headersSent) next(error)
        else res.status(route.errorStatus).send('sorry')
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
  app.onError((_error, c) => c.text('sorry', route.errorStatus))
  app.all(PATH, async (c) => {
    const ending = await route.handle(c.var.credits)
    if (ending.kind === 'throw') throw ending.value
    if (ending.kind === 'text') return ending.body === '' ? c.body(null, ending.status as 204) : c.text(ending.body, ending.status as 200)
    return new Response(createBody(ending.chunks), { status: ending.status, headers: { 'Content-Type': ending.contentType } })
  })
  return app
}

function serveOnNode(answer: (request: Request) => Response | Promise<Response>): Promise<Served> {
  return new Promise((resolve) => {
    const started = serve({ fetch: answer, port: 0, hostname: '127.0.0.1', overrideGlobalObjects: false }, () => resolve(describe(started as Server)))
  })
}

const callAsFunction = (answer: (request: Request) => Response | Promise<Response>): Promise<Served> => Promise.resolve({ at: answer, close: () => Promise.resolve() })

const fastify: Host = {
  name: 'Fastify 5',
  cannot: { 'silent-failure': 'it answers 500 to a stream that fails before its first chunk', 'early-headers': 'it sends the headers of a stream with its first chunk' },
  async serve(guard, route) {
    const app = createFastify({ forceCloseConnections: true })
    const requireCredits = fastifyCredits(app, guard)
    const guards = route.requires.map(({ type, amount, options }) => requireCredits(type, amount, options))
    app.setErrorHandler((_error, _request, reply) => reply.code(route.errorStatus).send('sorry'))
    if (route.guardsRouter) for (const hook of guards) app.addHook('preHandler', hook)
    app.route({
      method: ['GET', 'HEAD', 'POST', 'OPTIONS'],
      url: PATH,
      ...(!route.guardsRouter && { preHandler: guards }),
      async handler(request, reply) {
        const ending = await route.handle(request.credits as Credits)
        if (ending.kind === 'throw') throw ending.value
        reply.code(ending.status)
        return ending.kind === 'text' ? reply.send(ending.body) : reply.type(ending.contentType).send(Readable.from(ending.chunks))
      },
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    return { ...describe(app.server), close: () => app.close() }
  },
}

const NO_SOCKET = 'there is no socket: it is called as a function'

/** Hosts in the process of the test. */
export const HOSTS: readonly Host[] = [
  createExpress('Express 4', express4),
  createExpress('Express 5', express5),
  { name: 'Hono on Node', serve: (guard, route) => serveOnNode(createHono(guard, route).fetch) },
  {
    name: 'Hono app.request',
    cannot: {
      connections: NO_SOCKET,
      'thrown-values': 'Hono hands a thrown value that is no Error to the caller: there is no response',
    },
    serve: (guard, route) => callAsFunction((request) => createHono(guard, route).request(request)),
  },
  fastify,
  { name: 'fetch on Node', serve: (guard, route) => serveOnNode(createAnswerer(guard, route)) },
  { name: 'fetch as a function', cannot: { connections: NO_SOCKET }, serve: (guard, route) => callAsFunction(createAnswerer(guard, route)) },
]

async function listen(server: Server): Promise<Served> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return describe(server)
}

function describe(server: Server): Served {
  return {
    at: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
