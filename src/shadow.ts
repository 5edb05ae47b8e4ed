import { createAdmission, type Admission, type Admitted } from './admission.ts'
import { createAmounts } from './amounts.ts'
import { createCredits } from './credits.ts'
import type { EventListener } from './events.ts'
import { createCreditsHeaders } from './headers.ts'
import type { User } from './identity/identity.ts'
import type { Amounts, Balance } from './ledger/ledger.ts'
import type { Outcome, Settlement, Statement } from './outcome.ts'
import type { ProblemName } from './problem.ts'
import { createReservationId } from './reservation-id.ts'

export interface ShadowFacts {
  readonly user: User
  readonly creditTypes: readonly [string, ...string[]]
  readonly amounts: Amounts
  readonly balances: Readonly<Record<string, Balance>>
  readonly metered: boolean
  readonly decide: (outcome: Outcome, statement: Statement) => Settlement
  readonly emit: EventListener
}

/** A call that would be admitted: its handler sees what it would see, the client its balance, and nothing is held or charged. */
export function createShadow({ user, creditTypes, amounts, balances, metered, decide, emit }: ShadowFacts): Admission {
  // An id like any other, so that a handler may pass it on: a job that settles it is told that it is not found.
  const id = createReservationId()
  const record = createCredits({ id, creditType: creditTypes[0], amounts, balances, user }, { metered, reservesMore: false })
  emit({ type: 'shadowed', user: user.id, creditTypes, amounts, problem: undefined })
  return createAdmission({
    credits: record.credits,
    headers: addMode(createCreditsHeaders(undefined, balances)),
    end(outcome) {
      const settlement = decide(outcome, record.statement)
      emit({
        type: 'shadow-settled',
        user: user.id,
        ...(settlement.outcome === 'commit' ? { outcome: 'committed', amounts: settlement.amounts } : { outcome: 'refunded', amounts: createAmounts(creditTypes, () => 0) }),
      })
    },
  })
}

/** A call that would be denied passes all the same, with the amounts it asked for: shadow mode breaks nothing. */
export function createShadowDenial(admitFree: Admitted, facts: { readonly user: string | undefined; readonly creditTypes: readonly string[]; readonly problem: ProblemName; readonly emit: EventListener }): Admission {
  const { emit, ...denied } = facts
  emit({ type: 'shadowed', ...denied, amounts: undefined })
  return { ...admitFree, headers: addMode({}) }
}

function addMode(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const exposed = headers['Access-Control-Expose-Headers']
  return { 'Credits-Mode': 'shadow', ...headers, 'Access-Control-Expose-Headers': exposed ? `${exposed}, Credits-Mode` : 'Credits-Mode' }
}
