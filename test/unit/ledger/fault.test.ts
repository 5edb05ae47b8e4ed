import { describe, expect, it } from 'vitest'
import { createFault, createVersionFault, LedgerFault } from '../../../src/ledger/fault.ts'

describe('a code', () => {
  it.each(['PGRST000', 'PGRST001', 'PGRST002', 'PGRST003', 'PGRST303', '40P01', '55P03', '57014', '53300', '57P03', '25006', '40001'])('%s means that nothing was executed', (code) => {
    expect(createFault(code, 'm')).toMatchObject({ kind: 'not-executed', code, message: 'm' })
  })

  it.each(['PGRST202', '42501', 'PGRST106', '42883', '42P01', '3F000', 'PGRST301', '25001', '28P01'])('%s means that a person must mend the set-up, and says what', (code) => {
    const fault = createFault(code, 'details of it')
    expect(fault).toMatchObject({ kind: 'set-up', code })
    expect(fault.message).toMatch(new RegExp(`^creditgate: .+ \\(${code}: details of it\\)$`))
  })

  it.each(['PGRST202', '42883', '42P01', '3F000'])('%s names the command that mends it', (code) => {
    expect(createFault(code, 'm').message).toContain('Run "npx creditgate init" and then "npx supabase db push".')
  })

  it.each(['42501', 'PGRST301'])('%s names the key that is needed', (code) => {
    expect(createFault(code, 'm').message).toContain('service_role')
  })

  it.each(['', '08006', '57P01', 'XX000', '23505', 'PGRST100', 'ECONNRESET', 'pgrst202', 'toString'])('%j is unknown, as is all that is not listed', (code) => {
    expect(createFault(code, 'm')).toMatchObject({ kind: 'unknown', code, message: 'm' })
  })
})

it('keeps its cause, and its name through a minifier', () => {
  const cause = new Error('socket hang up')
  const fault = createFault('ECONNRESET', 'm', cause)
  expect(fault).toBeInstanceOf(LedgerFault)
  expect(fault).toMatchObject({ name: 'LedgerFault', cause })
  expect(createFault('40P01', 'm')).not.toHaveProperty('cause')
})

it('tells an older schema from a newer one, and what to do about each', () => {
  expect(createVersionFault(1, 2)).toMatchObject({ kind: 'set-up', message: expect.stringMatching(/version 1.*needs 2.*npx creditgate init/) as string })
  expect(createVersionFault(3, 2)).toMatchObject({ kind: 'set-up', message: expect.stringMatching(/version 3.*newer than 2.*Upgrade the creditgate package/) as string })
})
