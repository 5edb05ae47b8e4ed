import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createReservationId } from '../../src/reservation-id.ts'

const readTime = (id: string): number => parseInt(id.replaceAll('-', '').slice(0, 12), 16)

it('is a UUID of version 7 in the variant of RFC 9562', () => {
  for (let index = 0; index < 1000; index += 1) {
    expect(createReservationId()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  }
})

it('is unique, also within one millisecond', () => {
  const now = Date.now()
  expect(new Set(Array.from({ length: 10_000 }, () => createReservationId(now))).size).toBe(10_000)
})

it('begins with the time of its making', () => {
  const before = Date.now()
  const time = readTime(createReservationId())
  expect(time).toBeGreaterThanOrEqual(before)
  expect(time).toBeLessThanOrEqual(Date.now())
})

it('is ordered by time, however far from now', () => {
  const time = fc.integer({ min: 0, max: 2 ** 48 - 1 })
  fc.assert(
    fc.property(time, time, (first, second) => {
      expect(readTime(createReservationId(first))).toBe(first)
      if (first < second) expect(createReservationId(first) < createReservationId(second)).toBe(true)
    }),
  )
})
