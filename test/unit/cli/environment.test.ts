import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { readEnvironment } from '../../../src/cli/environment.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'creditgate-environment-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

it('reads .env, and what is set already wins', () => {
  writeFileSync(join(folder, '.env'), 'DATABASE_URL="postgresql://file"\nSUPABASE_URL=https://file.example/ # a comment\nSUPABASE_SECRET_KEY=sb_secret_file\n')
  expect(readEnvironment({}, folder)).toMatchObject({ databaseUrl: 'postgresql://file', dataApi: { url: 'https://file.example', key: 'sb_secret_file' } })
  expect(readEnvironment({ DATABASE_URL: 'postgresql://set' }, folder).databaseUrl).toBe('postgresql://set')
})

it('takes SUPABASE_DB_URL where there is no DATABASE_URL, and the old key where there is no new one', () => {
  const variables = { SUPABASE_DB_URL: 'postgresql://b', SUPABASE_URL: 'https://u', SUPABASE_SERVICE_ROLE_KEY: 'old' }
  expect(readEnvironment(variables, folder)).toMatchObject({ databaseUrl: 'postgresql://b', dataApi: { url: 'https://u', key: 'old' } })
  expect(readEnvironment({ ...variables, DATABASE_URL: 'postgresql://a', SUPABASE_SECRET_KEY: 'new' }, folder)).toMatchObject({ databaseUrl: 'postgresql://a', dataApi: { key: 'new' } })
  expect(readEnvironment({ ...variables, DATABASE_URL: '' }, folder).databaseUrl).toBe('postgresql://b')
})

it('takes the variable that was named, and no other in its place', () => {
  expect(readEnvironment({ DATABASE_URL: 'postgresql://a', STAGING: 'postgresql://s' }, folder, 'STAGING').databaseUrl).toBe('postgresql://s')
  expect(() => readEnvironment({ DATABASE_URL: 'postgresql://a' }, folder, 'STAGING')).toThrow(/STAGING/)
})

it('has no Data API without both its address and its key', () => {
  expect(readEnvironment({ SUPABASE_URL: 'https://u' }, folder).dataApi).toBeUndefined()
  expect(readEnvironment({ SUPABASE_SECRET_KEY: 'k' }, folder).dataApi).toBeUndefined()
})

it('knows every secret, those too that are not used', () => {
  const { secrets } = readEnvironment({ DATABASE_URL: 'postgresql://a:first-one@h/d', SUPABASE_DB_URL: 'postgresql://a:second-one@h/d', SUPABASE_SECRET_KEY: 'third-one', SUPABASE_SERVICE_ROLE_KEY: 'fourth-one', PGPASSWORD: 'fifth-one' }, folder)
  expect(secrets).toEqual(expect.arrayContaining(['first-one', 'second-one', 'third-one', 'fourth-one', 'fifth-one']))
})
