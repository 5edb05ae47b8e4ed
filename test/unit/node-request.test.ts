import { expect, it } from 'vitest'
import { readAuthorization } from '../../src/node-request.ts'

it.each([
  ['one header', { headers: { authorization: 'Bearer a' }, headersDistinct: { authorization: ['Bearer a'] } }, 'Bearer a'],
  ['several, of which `headers` keeps one', { headers: { authorization: 'Bearer a' }, headersDistinct: { authorization: ['Bearer a', 'Bearer b'] } }, 'Bearer a, Bearer b'],
  ['one that a middleware has put there', { headers: { authorization: 'Bearer cookie' }, headersDistinct: {} }, 'Bearer cookie'],
  ['one of a stand-in for Node', { headers: { authorization: 'Bearer a' } }, 'Bearer a'],
  ['none', { headers: {}, headersDistinct: {} }, undefined],
])('reads %s', (_what, request, authorization) => {
  expect(readAuthorization(request)).toBe(authorization)
})
