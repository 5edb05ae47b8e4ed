import { createGuard, postgresLedger, type Identity, type QueryableLike } from 'creditgate'
import { fetchCredits } from 'creditgate/fetch'

/** A whole small project: a guarded route, answered twice. It is run as a project of each kind, against the packed tarball. */

const identity: Identity = {
  verify: (token) =>
    Promise.resolve(token === 'good' ? { outcome: 'verified', user: { id: '6f1ab1b6-8b0e-4bd5-9f7b-0c3a3a0f7b11', anonymous: false, clientId: undefined, claims: {} } } : { outcome: 'rejected' }),
}

/** Says yes to everything: what a database decides is not what differs between kinds of projects. */
const database: QueryableLike = {
  query(text, [requests = '[]']) {
    const answer = text.includes('_version')
      ? { version: Number(process.argv[2]), creditTypes: ['ai', 'lead', 'skipTrace'] }
      : (JSON.parse(requests) as { id: string }[]).map(({ id }) =>
          text.includes('_reserve')
            ? { id, outcome: 'reserved', subscription: 's', amounts: { ai: 2 }, balances: { ai: { remaining: 98, resetsIn: null, resetsAt: null } } }
            : { id, outcome: 'committed', amounts: { ai: 2 } },
        )
    return Promise.resolve({ rows: [{ answer }] })
  },
}

async function main(): Promise<void> {
  let tellSettled: (outcome: string) => void = () => undefined
  const settled = new Promise<string>((resolve) => (tellSettled = resolve))
  const guard = createGuard({ identity, ledger: postgresLedger(database), onEvent: (event) => event.type === 'settled' && tellSettled(event.outcome) })
  const handler = fetchCredits(guard)('ai', 2)((_request, credits) => new Response(`${credits.remaining} left`))
  for (const token of ['bad', 'good']) {
    const response = await handler(new Request('https://example.com/summary', { method: 'POST', headers: { Authorization: `Bearer ${token}` } }))
    console.log(response.status, await response.text())
  }
  console.log(await settled)
}

void main()
