import { describe, expect, it } from 'vitest'
import { createInsufficientCredits, createProblem, type ProblemName } from '../../src/problem.ts'

describe('a problem', () => {
  it.each<[ProblemName, number]>([
    ['invalid-request', 400],
    ['unauthenticated', 401],
    ['invalid-token', 401],
    ['insufficient-credits', 402],
    ['subscription-required', 402],
    ['forbidden', 403],
    ['server-error', 500],
    ['credits-unavailable', 503],
  ])('%s has status %i, also in its body, a type of its own, and is not stored by caches', (name, status) => {
    const problem = createProblem(name)
    expect(problem).toMatchObject({ name, status, body: { type: `urn:problem-type:creditgate:${name}`, status } })
    expect(problem.headers).toMatchObject({ 'Content-Type': 'application/problem+json', 'Cache-Control': 'no-store' })
    expect(Object.keys(problem.body)).toEqual(['type', 'title', 'status'])
    expect(problem.body.title).toMatch(/^[A-Z][^.]+$/)
  })

  it('challenges without an error code when there were no credentials, and with one when they were bad', () => {
    expect(createProblem('unauthenticated').headers['WWW-Authenticate']).toBe('Bearer')
    expect(createProblem('invalid-token').headers['WWW-Authenticate']).toBe('Bearer error="invalid_token"')
    for (const name of ['invalid-request', 'insufficient-credits', 'forbidden', 'server-error', 'credits-unavailable'] as const) {
      expect(createProblem(name).headers).not.toHaveProperty('WWW-Authenticate')
    }
  })

  it('says when to come again if it is ours to mend soon, and only then', () => {
    expect(createProblem('credits-unavailable').headers['Retry-After']).toMatch(/^[1-9][0-9]*$/)
    for (const name of ['invalid-token', 'insufficient-credits', 'forbidden', 'server-error'] as const) {
      expect(createProblem(name).headers).not.toHaveProperty('Retry-After')
    }
  })

  it('carries further members behind its own', () => {
    expect(createProblem('forbidden', { hint: 'x' }).body).toMatchObject({ title: expect.any(String) as string, status: 403, hint: 'x' })
  })
})

describe('a balance that does not cover the amount', () => {
  const answer = { creditType: 'ai', required: 5, available: 3, resetsAt: '2026-12-01T00:00:00Z' }

  it('is told with what is needed, what is there, when it resets and where to buy more', () => {
    expect(createInsufficientCredits(answer, 'https://example.com/buy')).toMatchObject({
      name: 'insufficient-credits',
      status: 402,
      body: { ...answer, topUpUrl: 'https://example.com/buy' },
    })
  })

  it('leaves out what is not known', () => {
    const { body } = createInsufficientCredits({ ...answer, resetsAt: null }, undefined)
    expect(Object.keys(body)).toEqual(['type', 'title', 'status', 'creditType', 'required', 'available'])
  })

  it('tells nothing of the answer beyond that', () => {
    const { body } = createInsufficientCredits({ ...answer, id: 'secret', outcome: 'insufficient', subscription: 'secret' } as typeof answer, undefined)
    expect(JSON.stringify(body)).not.toContain('secret')
  })
})
