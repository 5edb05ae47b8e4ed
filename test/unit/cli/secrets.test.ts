import { describe, expect, it } from 'vitest'
import { createMask, listPasswords } from '../../../src/cli/secrets.ts'

describe('the mask', () => {
  it.each([
    ['postgresql://postgres:pa%40ss@db.host:5432/x', 'postgresql://postgres:***@db.host:5432/x'],
    ['cannot reach "postgres://a:b@h/d"', 'cannot reach "postgres://a:***@h/d"'],
    ['postgresql://h/d?user=a&password=hunter2&x=1', 'postgresql://h/d?user=a&password=***&x=1'],
    ['the key sb_secret_AbC_12-3 is wrong', 'the key sb_secret_*** is wrong'],
    ['Bearer eyJhbGciOi.eyJyb2xl.c2ln-_ was refused', 'Bearer *** was refused'],
    ['https://project.supabase.co:443/rest/v1 at noon', 'https://project.supabase.co:443/rest/v1 at noon'],
    ['Postgres 17.5, as postgres', 'Postgres 17.5, as postgres'],
  ])('turns %j into %j', (text, masked) => expect(createMask([])(text)).toBe(masked))

  it('hides a secret in JSON too, where it is written otherwise', () => {
    expect(createMask(['se"cr\\et'])(JSON.stringify({ found: 'se"cr\\et' }))).toBe('{"found":"***"}')
  })

  it('hides each known secret wherever it stands, the longest first, and leaves words that are too short alone', () => {
    expect(createMask(['abcdef', 'abcdefgh', 'no', ''])('abcdefgh and abcdef, no?')).toBe('*** and ***, no?')
  })
})

describe('the passwords of a connection string', () => {
  it.each([
    ['postgresql://me:pa%40ss-word@h/d', ['pa%40ss-word', 'pa@ss-word']],
    ['postgresql://h/d?password=hunter22', ['hunter22']],
    ['postgresql://postgres:postgres@h/d', []],
    ['no connection string', ['no connection string']],
  ])('%j', (text, expected) => expect(listPasswords(text).filter((each) => each !== '')).toEqual(expected))
})
