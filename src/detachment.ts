import { askWithin } from './attempts.ts'
import type { Credits } from './credits.ts'
import type { GuardLedger } from './ledger/guard-ledger.ts'
import type { Timeouts } from './timeouts.ts'

export interface Detachment {
  /** The handle's `detach`. */
  readonly detach: Credits['detach']
  /** Whether the reservation is another's to settle, once that is decided. To be asked when the response has ended. */
  resolve(): boolean | Promise<boolean>
}

/** Lets a handler hand its reservation to a background job: durable in the database before anybody is told so. */
export function createDetachment(
  ledger: Pick<GuardLedger, 'extend'>,
  { id, user, calls, onDetached }: { readonly id: string; readonly user: string; readonly calls: Timeouts; readonly onDetached: (leaseSeconds: number) => void },
): Detachment {
  let detaching: Promise<string> | undefined
  let ended = false

  async function extend(leaseSeconds: number): Promise<string> {
    const { outcome } = await askWithin(calls, (signal) => ledger.extend([{ id, user, lease: leaseSeconds }], signal))
    if (outcome !== 'extended') throw new Error(`creditgate: reservation ${id} cannot be detached: it is ${outcome}`)
    onDetached(leaseSeconds)
    return id
  }

  return {
    async detach({ leaseSeconds = 900 } = {}) {
      if (!Number.isInteger(leaseSeconds) || leaseSeconds < 1 || leaseSeconds > 900) {
        throw new TypeError(`creditgate: credits.detach() takes leaseSeconds, a whole number from 1 to 900; it was given ${String(leaseSeconds)}`)
      }
      if (ended) throw new Error(`creditgate: reservation ${id} cannot be detached: its response has ended`)
      detaching ??= extend(leaseSeconds).catch((error: unknown) => {
        detaching = undefined
        throw error
      })
      return detaching
    },
    resolve() {
      ended = true
      return (
        detaching?.then(
          () => true,
          () => false,
        ) ?? false
      )
    },
  }
}
