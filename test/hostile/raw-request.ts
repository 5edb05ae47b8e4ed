import { connect } from 'node:net'

/** Sends bytes as they are, which no HTTP client would, and resolves with the status of the first answer; undefined: none came. */
export function sendRaw(port: number, bytes: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    let received = ''
    const finish = (): void => {
      socket.destroy()
      const status = /^HTTP\/1\.1 ([0-9]{3})/.exec(received)?.[1]
      resolve(status === undefined ? undefined : Number(status))
    }
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(bytes, 'latin1'))
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
      if (received.includes('\r\n\r\n')) finish()
    })
    socket.on('end', finish)
    socket.on('error', finish)
    socket.setTimeout(5_000, finish)
  })
}
