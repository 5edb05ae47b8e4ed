import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/**
 * What can happen to one exchange, a request and its reply:
 *
 * - `request-lost`: the connection closes, the server has seen nothing. `request-reset`: the same by RST, also of a new connection.
 * - `request-late`: the connection closes, and the server gets the request when the client has long given up.
 * - `reply-lost`: the server has answered, and the connection closes. `reply-cut`: after half of the reply.
 * - `reply-late`: it comes after a pause.
 * - `reply-garbage`: a page of HTML, or noise. `reply-swapped`: the reply to someone else's request. HTTP only.
 * - `swallowed`: nothing comes through any more, in half of the cases after the request did, and there is no FIN.
 */
export type Fault =
  | 'request-lost'
  | 'request-reset'
  | 'request-late'
  | 'reply-lost'
  | 'reply-cut'
  | 'reply-late'
  | 'reply-garbage'
  | 'reply-swapped'
  | 'swallowed'

/** Probabilities for each exchange. Absent: never. */
export type FaultRates = Readonly<Partial<Record<Fault, number>>>

export interface FaultProxy {
  readonly port: number
  /** Exchanges so far, whole or not. */
  readonly exchanges: number
  /** How often each fault has happened. */
  readonly counts: Readonly<Record<Fault, number>>
  /** No more faults: what is held back is delivered, what is swallowed ends, and every new exchange passes. */
  calm(): void
  close(): Promise<void>
}

export interface FaultProxyOptions {
  readonly targetPort: number
  /** `postgres`: faults befall statements, not the start of a connection, except that it may be reset or swallowed. */
  readonly protocol: 'http' | 'postgres'
  readonly rates: FaultRates
  /** From 0 up to, not including, 1: a seed makes the choices repeatable. */
  readonly next: () => number
  /** Which paths `reply-swapped` may befall. Default none. */
  readonly swaps?: RegExp
}

const LATE_REPLY_MILLISECONDS = [50, 1_500] as const
const LATE_REQUEST_MILLISECONDS = [300, 4_000] as const
const SWALLOWED_MILLISECONDS = [1_500, 7_000] as const
/** A request may come in several pieces, which follow each other at once. */
const REST_OF_REQUEST_MILLISECONDS = 10
const HTML = '<html><body><h1>502 Bad Gateway</h1></body></html>'

/** Starts a proxy on a free port of 127.0.0.1 that lets some exchanges go wrong. Knows no protocol beyond who speaks first. */
export async function startFaultProxy({ targetPort, protocol, rates, next, swaps }: FaultProxyOptions): Promise<FaultProxy> {
  const counts: Record<Fault, number> = {
    'request-lost': 0,
    'request-reset': 0,
    'request-late': 0,
    'reply-lost': 0,
    'reply-cut': 0,
    'reply-late': 0,
    'reply-garbage': 0,
    'reply-swapped': 0,
    'swallowed': 0,
  }
  const replies = new Map<string, Buffer>()
  const sockets = new Set<Socket>()
  const held = new Set<() => void>()
  let calmed = false
  let exchanges = 0

  function draw(among: (fault: Fault) => boolean = () => true): Fault | undefined {
    if (calmed) return undefined
    let left = next()
    const found = (Object.entries(rates) as [Fault, number][]).find(([, rate]) => (left -= rate) < 0)
    return found !== undefined && among(found[0]) ? found[0] : undefined
  }

  /** Does something later, or at once when the faults stop. */
  function hold([least, most]: readonly [number, number], release: () => void): void {
    const once = () => {
      clearTimeout(timer)
      if (held.delete(once)) release()
    }
    const timer = setTimeout(once, least + next() * (most - least))
    held.add(once)
  }

  function track(socket: Socket): Socket {
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => undefined)
    socket.once('close', () => sockets.delete(socket))
    return socket
  }

  const server = createServer((accepted) => {
    const client = track(accepted)
    const target = track(connect(targetPort, '127.0.0.1'))
    let fault: Fault | undefined
    let request: Buffer[] = []
    let reply: Buffer[] = []

    const closeBoth = () => {
      client.destroy()
      target.destroy()
    }
    const resetBoth = () => {
      client.resetAndDestroy()
      target.destroy()
    }
    const happen = (happened: Fault) => {
      counts[happened] += 1
    }
    const swallow = () => {
      happen('swallowed')
      hold(SWALLOWED_MILLISECONDS, resetBoth)
    }
    client.once('close', () => {
      if (fault !== 'request-late') target.destroy()
    })
    target.once('close', () => {
      if (fault !== 'swallowed' && fault !== 'reply-late') client.destroy()
    })

    fault = draw((drawn) => drawn === 'request-reset' || drawn === 'swallowed')
    if (fault === 'request-reset') {
      happen(fault)
      resetBoth()
      return
    }
    if (fault === 'swallowed') swallow()

    function beginExchange(first: Buffer): void {
      if (fault === undefined && swaps?.test(readPath(request)) === true) replies.set(readPath(request), Buffer.concat(reply))
      request = []
      reply = []
      exchanges += 1
      fault = protocol === 'http' || isStatement(first) ? draw() : undefined
      switch (fault) {
        case 'request-lost':
          happen(fault)
          closeBoth()
          break
        case 'request-reset':
          happen(fault)
          resetBoth()
          break
        case 'request-late':
          happen(fault)
          setTimeout(() => client.destroy(), REST_OF_REQUEST_MILLISECONDS)
          hold(LATE_REQUEST_MILLISECONDS, () => target.write(Buffer.concat(request)))
          break
        case 'swallowed':
          swallow()
          if (next() < 0.5) target.write(first)
          break
      }
    }

    client.on('data', (chunk) => {
      if (fault === 'swallowed') return
      if (request.length === 0 || reply.length > 0) beginExchange(chunk)
      request.push(chunk)
      if (fault === undefined || fault.startsWith('reply')) target.write(chunk)
    })

    target.on('data', (chunk) => {
      const first = reply.length === 0
      reply.push(chunk)
      switch (fault) {
        case undefined:
          client.write(chunk)
          break
        case 'reply-lost':
          if (first) happen(fault)
          closeBoth()
          break
        case 'reply-cut':
          if (first) {
            happen(fault)
            client.write(chunk.subarray(0, chunk.length / 2), closeBoth)
          }
          break
        case 'reply-late':
          if (first) {
            happen(fault)
            hold(LATE_REPLY_MILLISECONDS, () => {
              client.write(Buffer.concat(reply))
              fault = undefined
              if (target.destroyed) client.end()
            })
          }
          break
        case 'reply-garbage':
          if (first) {
            happen(fault)
            client.write(createGarbage(next()), closeBoth)
          }
          break
        case 'reply-swapped': {
          const other = replies.get(readPath(request))
          if (first && other !== undefined) {
            happen(fault)
            client.write(other, closeBoth)
          } else if (first) closeBoth()
          break
        }
        case 'request-late':
          target.destroy()
          break
        case 'request-lost':
        case 'request-reset':
        case 'swallowed':
          break
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

  return {
    port: (server.address() as AddressInfo).port,
    counts,
    get exchanges() {
      return exchanges
    },
    calm() {
      calmed = true
      Array.from(held).forEach((release) => release())
    },
    close() {
      calmed = true
      held.clear()
      sockets.forEach((socket) => socket.destroy())
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

/** Whether a message of the Postgres protocol is a simple query or the first of an extended one. */
function isStatement(message: Buffer): boolean {
  return message[0] === 0x51 || message[0] === 0x50
}

function readPath(request: readonly Buffer[]): string {
  return /^\S+ (\S+)/.exec((request[0] ?? Buffer.alloc(0)).toString('latin1'))?.[1] ?? ''
}

function createGarbage(kind: number): string {
  if (kind < 0.4) return `HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: ${HTML.length}\r\n\r\n${HTML}`
  if (kind < 0.7) return `HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: ${HTML.length}\r\n\r\n${HTML}`
  if (kind < 0.8) return 'HTTP/1.1 204 No Content\r\n\r\n'
  if (kind < 0.9) return 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n'
  return '\u0000\u0001 noise, and no protocol\r\n\r\n'
}
