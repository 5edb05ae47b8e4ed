import { createScenarioServer } from './scenario-server.ts'

declare const Deno: {
  readonly env: { get(name: string): string | undefined }
  serve(options: { readonly hostname: string; readonly port: number; readonly onListen: () => void }, handler: (request: Request) => Promise<Response>): unknown
}

const read = (name: string): string => Deno.env.get(name) ?? ''
const answer = createScenarioServer({ AUTH_URL: read('AUTH_URL'), API_URL: read('API_URL'), API_KEY: read('API_KEY') })
Deno.serve({ hostname: '127.0.0.1', port: Number(read('PORT')), onListen: () => undefined }, (request) => answer(request))
