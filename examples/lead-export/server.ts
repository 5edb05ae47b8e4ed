import { createSupabaseGuard } from '../supabase-guard.ts'
import { createApp } from './app.ts'

const guard = await createSupabaseGuard()
const port = Number(process.env['PORT'] ?? 3000)
const server = createApp(guard).listen(port, '127.0.0.1', () => {
  console.log(`GET http://127.0.0.1:${port}/leads.csv`)
})
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    server.close(() => void guard.close())
  })
}
