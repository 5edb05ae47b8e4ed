import { serve } from '@hono/node-server'
import { createSupabaseGuard } from '../supabase-guard.ts'
import { createApp } from './app.ts'

const guard = await createSupabaseGuard()
const server = serve({ fetch: createApp(guard).fetch, hostname: '127.0.0.1', port: Number(process.env['PORT'] ?? 3000) }, ({ port }) => {
  console.log(`POST http://127.0.0.1:${port}/skip-trace`)
})
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    server.close(() => void guard.close())
  })
}
