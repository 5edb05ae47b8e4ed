#!/usr/bin/env node
import { run } from './cli/run.ts'

const { stdin, stdout, stderr, env } = process
// Whoever reads the pipe has seen enough, as head has.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})
process.exitCode = await run(process.argv.slice(2), { stdin, stdout, stderr, env, cwd: process.cwd() })
