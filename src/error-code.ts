import type { FaultCode } from './ledger/fault.ts'
import type { ProblemName } from './problem.ts'

/**
 * Every stable code. What a client sees: a problem's name, the end of its `type`. What the developer sees: the `code` of a
 * `LedgerFault`, or of the error that says that the key set cannot be had. docs/errors.md has a section for each.
 */
export type ErrorCode = ProblemName | FaultCode | 'keys-unavailable'
