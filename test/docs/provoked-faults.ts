import { generateKeyPair, SignJWT } from 'jose'
import pg from 'pg'
import { supabaseJwt } from '../../src/identity/supabase-jwt.ts'
import { createSchemaCheck } from '../../src/ledger/check-schema.ts'
import { asFault, type FaultCode } from '../../src/ledger/fault.ts'
import { createGroupCommit } from '../../src/ledger/group-commit.ts'
import { postgresLedger } from '../../src/ledger/postgres-ledger.ts'
import { supabaseLedger } from '../../src/ledger/supabase-ledger.ts'
import { SCHEMA_VERSION } from '../../src/schema-version.ts'
import { createSharedTimeouts } from '../../src/timeouts.ts'
import { createScriptedLedger } from '../unit/scripted-ledger.ts'

const times = createSharedTimeouts(1000)
const PROJECT = 'https://abcdefghijklmnopqrst.supabase.co'
const request = { id: '6f1ab1b6-8b0e-4bd5-9f7b-0c3a3a0f7b11', user: '0b9be0e4-8a0f-4bb8-9d04-5b0d2e5a1c6f', amounts: { ai: 1 }, lease: 60 }

/** Makes the real parts give faults whose message is wholly ours. Each resolves with what was thrown. */
export const FAULTS: Readonly<Partial<Record<FaultCode | 'keys-unavailable', () => Promise<unknown>>>> = {
  'credit-type': () => thrown(createSchemaCheck(createScriptedLedger(), ['ai', 'video'])(times)),
  'schema-version': () => thrown(createSchemaCheck(createScriptedLedger({}, { version: SCHEMA_VERSION - 1, creditTypes: ['ai'] }), ['ai'])(times)),
  async busy() {
    const ledger = createGroupCommit(createScriptedLedger({ reserve: 'hangs' }), { maxBatch: 1, maxInFlight: 1, maxWaiting: 10 })
    void ledger.reserve([request], AbortSignal.timeout(50)).catch(() => undefined)
    return thrown(ledger.reserve([request], AbortSignal.timeout(20)))
  },
  timeout: () => thrown(postgresLedger({ query: () => new Promise(() => undefined) }).reserve([request], AbortSignal.timeout(10))),
  'bad-answer': () => thrown(supabaseLedger({ rpc: () => Promise.resolve({ data: '<html>', error: null }) }).reserve([request])),
  'empty-answer': () => thrown(supabaseLedger({ rpc: () => Promise.resolve({ data: null, error: null }) }).reserve([request])),
  'ledger-threw': () => Promise.resolve(asFault(new Error('socket hang up'))),
  async 'keys-unavailable'() {
    const { privateKey } = await generateKeyPair('ES256')
    const token = await new SignJWT({ role: 'authenticated' }).setProtectedHeader({ alg: 'ES256', kid: 'key' }).setIssuer(`${PROJECT}/auth/v1`).setAudience('authenticated').setSubject(request.user).setExpirationTime('1h').sign(privateKey)
    // Port 9 of the loopback address: nothing listens there, and nothing is asked of the network.
    const verification = await supabaseJwt({ url: PROJECT, jwksUrl: 'http://127.0.0.1:9/auth/v1/.well-known/jwks.json' }).verify(token)
    return verification.outcome === 'unavailable' ? verification.cause : verification
  },
}

/** Calls the database as a connection with such settings does. Resolves with what was thrown. */
export async function callAs(url: string, options: string, user = request.user): Promise<unknown> {
  const client = new pg.Client({ connectionString: url, options })
  await client.connect()
  try {
    return await thrown(postgresLedger(client).reserve([{ ...request, user }]))
  } finally {
    await client.end()
  }
}

function thrown(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => 'nothing was thrown',
    (error: unknown) => error,
  )
}
