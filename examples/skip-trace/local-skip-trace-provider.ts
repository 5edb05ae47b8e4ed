import { setTimeout as sleep } from 'node:timers/promises'

export interface Subject {
  readonly name: string
  readonly city: string
}

export interface Contact {
  readonly phones: readonly string[]
  readonly emails: readonly string[]
}

const DIRECTORY: ReadonlyMap<string, Contact> = new Map([
  ['jane doe, austin', { phones: ['+1 512 555 0142'], emails: ['jane.doe@mail.example'] }],
  ['john roe, burlington', { phones: ['+1 802 555 0117', '+1 802 555 0164'], emails: [] }],
])

/** Stands in for a skip-trace provider: how to reach a person, or undefined where it knows nobody of that name. */
export async function traceSubject({ name, city }: Subject): Promise<Contact | undefined> {
  await sleep(10)
  return DIRECTORY.get(`${name}, ${city}`.toLowerCase())
}
