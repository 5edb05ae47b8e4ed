import { describe, expect, it } from 'vitest'
import { nameType } from '../../../src/cli/discovery.ts'
import { findNearest } from '../../../src/cli/nearest.ts'
import { chooseStatusColumn, chooseUserColumn, type Column } from '../../../src/cli/subscription-columns.ts'
import { renderTable } from '../../../src/cli/table.ts'

const column = (name: string, type = 'uuid', more: Partial<Column> = {}): Column => ({ name, type, refers: null, labels: null, ...more })

describe('the credit type of a table', () => {
  it.each([
    ['AICredits', 'ai'],
    ['LeadCredits', 'lead'],
    ['SkipTraceCredits', 'skipTrace'],
    ['skip_trace_credits', 'skipTrace'],
    ['ai_credit', 'ai'],
    ['Credits', 'credits'],
    ['PDFExport', 'pdfExport'],
    ['2fa_credits', 't2fa'],
  ])('%s is named %s', (table, type) => expect(nameType(table)).toBe(type))
})

describe('the column of the user', () => {
  it.each<[string, Column[], string | undefined]>([
    ['refers to auth.users', [column('id'), column('userid'), column('holder', 'uuid', { refers: 'auth.users' })], 'holder'],
    ['refers to auth.users rather than to a table of users', [column('a', 'uuid', { refers: 'public.users' }), column('b', 'uuid', { refers: 'auth.users' })], 'b'],
    ['refers to a table of profiles', [column('userid'), column('holder', 'uuid', { refers: 'public.Profiles' })], 'holder'],
    ['has a usual name', [column('id'), column('plan', 'text'), column('User_Id', 'text')], 'User_Id'],
    ['is of a type that can hold an id', [column('user_id', 'integer')], undefined],
    ['is not guessed', [column('id'), column('a'), column('b')], undefined],
  ])('%s', (_case, columns, expected) => expect(chooseUserColumn(columns)).toBe(expected))
})

it('the column of the status has a usual name, and a text or an enum in it', () => {
  expect(chooseStatusColumn([column('state', 'text'), column('status', 'text')])?.name).toBe('status')
  expect(chooseStatusColumn([column('status', 'integer')])).toBeUndefined()
  expect(chooseStatusColumn([column('subscription_status', 'public.status', { labels: ['active'] })])?.name).toBe('subscription_status')
})

it('a word is near to one of a letter or two more or less, and to no other', () => {
  expect(findNearest('docter', ['doctor', 'grant'])).toBe('doctor')
  expect(findNearest('jsn', ['json', 'yes'])).toBe('json')
  expect(findNearest('entirely', ['json', 'yes'])).toBeUndefined()
})

it('a table is aligned: numbers to the right, nothing behind the last column', () => {
  expect(renderTable(['type', 'remaining', 'resets'], [['ai', 7, 'never'], ['skipTrace', 1200, 'soon']])).toBe('TYPE       REMAINING  RESETS\nai                 7  never\nskipTrace       1200  soon\n')
})
