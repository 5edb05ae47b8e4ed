import { createScenarioServer } from './scenario-server.ts'

declare const Bun: {
  readonly env: Readonly<Record<string, string | undefined>>
  serve(options: { readonly hostname: string; readonly port: number; readonly fetch: (request: Request) => Promise<Response> }): unknown
}

const read = (name: string): string => Bun.env[name] ?? ''
const answer = createScenarioServer({ AUTH_URL: read('AUTH_URL'), API_URL: read('API_URL'), API_KEY: read('API_KEY') })
Bun.serve({ hostname: '127.0.0.1', port: Number(read('PORT')), fetch: (request) => answer(request) })
