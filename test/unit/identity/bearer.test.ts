import { expect, it } from 'vitest'
import { readBearerToken } from '../../../src/identity/bearer.ts'

it.each([
  ['a bearer token', 'Bearer abc.def.ghi', 'abc.def.ghi'],
  ['the scheme in lower case', 'bearer abc', 'abc'],
  ['the scheme in upper case', 'BEARER abc', 'abc'],
  ['several spaces after the scheme', 'Bearer   abc', 'abc'],
  ['blanks around the header', '  Bearer abc\t', 'abc'],
  ['every character that RFC 6750 allows', 'Bearer aZ09-._~+/==', 'aZ09-._~+/=='],
])('reads %s', (_case, header, token) => {
  expect(readBearerToken(header)).toEqual({ outcome: 'token', token })
})

it.each([
  ['no header', undefined],
  ['an empty header', ''],
  ['a blank header', '   '],
  ['another scheme', 'Basic YWxhZGRpbjpvcGVuc2VzYW1l'],
  ['a scheme that only begins like it', 'Bearertoken abc'],
])('takes %s for no token', (_case, header) => {
  expect(readBearerToken(header)).toEqual({ outcome: 'absent' })
})

it.each([
  ['the scheme alone', 'Bearer'],
  ['two tokens', 'Bearer abc def'],
  ['a doubled header', 'Bearer abc, Bearer def'],
  ['a doubled header of two schemes', 'Bearer abc, Basic def'],
  ['a tab instead of a space', 'Bearer\tabc'],
  ['a colon instead of a space', 'Bearer:abc'],
  ['a quoted token', 'Bearer "abc"'],
  ['padding inside', 'Bearer a=b'],
  ['a line break', 'Bearer abc\r\nX-Admin: 1'],
  ['a line break at its end', 'Bearer abc\n'],
  ['a line break before it', '\r\nBearer abc'],
  ['a no-break space at its end', 'Bearer abc\u00a0'],
  ['a byte order mark before it', '\ufeffBearer abc'],
  ['letters outside ASCII', 'Bearer ábc'],
])('takes %s for malformed', (_case, header) => {
  expect(readBearerToken(header)).toEqual({ outcome: 'malformed' })
})

it('answers in linear time, however long the header is', () => {
  const started = performance.now()
  expect(readBearerToken(`Bearer ${'a'.repeat(100_000)}${'='.repeat(100_000)}!`)).toEqual({ outcome: 'malformed' })
  expect(performance.now() - started).toBeLessThan(1000)
})
