import { z } from 'zod'

/**
 * Reads options by their schema: a copy with the defaults filled in, frozen.
 *
 * @throws TypeError naming each option that is unknown or wrong, and what it must be.
 */
export function parseOptions<Schema extends z.ZodType>(owner: string, schema: Schema, options: unknown): Readonly<z.output<Schema>> {
  const parsed = schema.safeParse(options)
  if (!parsed.success) throw new TypeError(`creditgate: ${owner}: wrong options\n${z.prettifyError(parsed.error)}`)
  return Object.freeze(parsed.data)
}

/** A whole number, within bounds. */
export function whole(min: number, max: number): z.ZodNumber {
  return z.number().int().min(min).max(max)
}
