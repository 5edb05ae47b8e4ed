import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Supabase's gateway, as far as the command line meets it: PostgREST under /rest/v1, for those who send a key. */
export interface Gateway {
  readonly url: string
  stop(): Promise<void>
}

/** @param tokens what each new secret key stands for. It is no token: in `Authorization` it is refused. */
export async function startGateway(postgrest: string, tokens: Readonly<Record<string, string>> = {}): Promise<Gateway> {
  const server = createServer((request, response) => {
    void (async () => {
      const body: Buffer[] = []
      for await (const chunk of request) body.push(chunk as Buffer)
      if (request.headers['apikey'] === undefined || request.url?.startsWith('/rest/v1/') !== true) return response.writeHead(401).end('{"message":"no key"}')
      const token = tokens[String(request.headers['apikey'])]
      const authorization = token === undefined ? request.headers.authorization : `Bearer ${token}`
      if (token !== undefined && request.headers.authorization !== undefined) return response.writeHead(401).end('{"message":"no token"}')
      const answer = await fetch(postgrest + request.url.slice('/rest/v1'.length), { method: 'POST', headers: { 'content-type': 'application/json', ...(authorization === undefined ? {} : { authorization }) }, body: Buffer.concat(body) })
      return response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text())
    })()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
