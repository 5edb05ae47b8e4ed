import type { EventListener } from 'creditgate'
import { z } from 'zod'
import { logFaults } from '../src/events.ts'
import { parseOptions } from '../src/options.ts'
import type { ReservingGuardLike } from './call-hold.ts'
import type { CreditsFor } from './price.ts'
import type { CreditsLike } from './route-hold.ts'

interface CommonOptions {
  /** The price of a usage, in whole credits. */
  readonly creditsFor: CreditsFor
  /** The most output tokens of a call that does not set its own `maxOutputTokens`; handed to the model. 1 or more. */
  readonly maxOutputTokens?: number | undefined
  /**
   * The most input tokens of a call. 1 or more. Default: as many as the prompt has UTF-8 bytes; a prompt with files or images, or
   * with tools that the provider runs, has no such bound and needs this one.
   */
  readonly maxInputTokens?: number | undefined
  /** How many bytes of text count as a token while a stream is under way, 1 to 16. Default 4. */
  readonly bytesPerToken?: number | undefined
  /** What becomes of a call whose provider reports no usage. Default `charge-reserved`. */
  readonly onMissingUsage?: 'charge-reserved' | 'refund' | undefined
  /** Told of a price that cannot be told, as a `fault`. The guard's own listener fits. Default: the error log. */
  readonly onEvent?: EventListener | undefined
}

/** Around a route that is guarded already: its models state what they used, and the route settles. */
export interface MeterRouteOptions extends CommonOptions {
  /** The handle that the route's handler was given. */
  readonly credits: CreditsLike
}

/** Without a route: each model call reserves by its upper bound and is settled by itself. */
export interface MeterCallOptions<CreditType extends string = string> extends CommonOptions {
  readonly guard: ReservingGuardLike<CreditType>
  /** Who pays: the user's id. */
  readonly user: string
  readonly creditType: NoInfer<CreditType>
}

export type MeterOptions<CreditType extends string = string> = MeterRouteOptions | MeterCallOptions<CreditType>

const withMethods = <Port>(message: string, ...methods: string[]) =>
  z.custom<Port>((value) => typeof value === 'object' && value !== null && methods.every((method) => typeof (value as Record<string, unknown>)[method] === 'function'), message)
const callable = <Signature>() => z.custom<Signature>((value) => typeof value === 'function', 'must be a function')
const tokens = z.number().int().min(1).optional()

const common = {
  creditsFor: callable<CreditsFor>(),
  maxOutputTokens: tokens,
  maxInputTokens: tokens,
  bytesPerToken: z.number().min(1).max(16).default(4),
  onMissingUsage: z.enum(['charge-reserved', 'refund']).default('charge-reserved'),
  onEvent: callable<EventListener>().default(() => logFaults),
}
const routeOptions = z.strictObject({ credits: withMethods<CreditsLike>("must be a guarded route's handle", 'commit', 'report'), ...common })
const callOptions = z.strictObject({ guard: withMethods<ReservingGuardLike>('must be made by createGuard()', 'reserve'), user: z.string().min(1), creditType: z.string().min(1), ...common })

/** @throws TypeError naming each option that is unknown or wrong. */
export function parseMeterOptions(options: unknown): Readonly<z.output<typeof routeOptions> | z.output<typeof callOptions>> {
  return typeof options === 'object' && options !== null && 'credits' in options ? parseOptions('meterModel', routeOptions, options) : parseOptions('meterModel', callOptions, options)
}
