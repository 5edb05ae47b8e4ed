import { describe, expect, it, vi } from 'vitest'
import { createDetachment } from '../../src/detachment.ts'
import { createFault } from '../../src/ledger/fault.ts'
import { createSharedTimeouts } from '../../src/timeouts.ts'
import { createScriptedLedger, type Step } from './scripted-ledger.ts'

const id = '0198f6b4-0000-7000-8000-000000000000'
const user = '6f1ab1b6-8b0e-4bd5-9f7b-0c3a3a0f7b11'
const extended = { outcome: 'extended', reported: null }

function create(steps: Step | Step[] = extended) {
  const ledger = createScriptedLedger({ extend: steps })
  const onDetached = vi.fn()
  return { ledger, onDetached, detachment: createDetachment(ledger, { id, user, calls: createSharedTimeouts(3_000), onDetached }) }
}

describe('a reservation that is handed over', () => {
  it('has its new lease before anybody is told, and is another\'s to settle', async () => {
    const { ledger, onDetached, detachment } = create()
    expect(await detachment.detach({ leaseSeconds: 300 })).toBe(id)
    expect(ledger.calls).toMatchObject([{ operation: 'extend', request: { id, user, lease: 300 } }])
    expect(onDetached).toHaveBeenCalledExactlyOnceWith(300)
    expect(await detachment.resolve()).toBe(true)
  })

  it('has 900 seconds by default', async () => {
    const { ledger, detachment } = create()
    await detachment.detach()
    expect(ledger.calls).toMatchObject([{ request: { lease: 900 } }])
  })

  it('is handed over once, however often it is asked for', async () => {
    const { ledger, onDetached, detachment } = create()
    expect(await Promise.all([detachment.detach(), detachment.detach()])).toEqual([id, id])
    expect(ledger.calls).toHaveLength(1)
    expect(onDetached).toHaveBeenCalledTimes(1)
  })

  it('is retried after a lost reply', async () => {
    const { ledger, detachment } = create([createFault('', 'fetch failed'), extended])
    await detachment.detach()
    expect(ledger.calls).toHaveLength(2)
  })

  it('is waited for when the response ends meanwhile', async () => {
    let answer: (value: unknown) => void = () => undefined
    const extend = () => new Promise((resolve) => (answer = resolve))
    const detachment = createDetachment({ extend: extend as never }, { id, user, calls: createSharedTimeouts(3_000), onDetached: () => undefined })
    const detaching = detachment.detach()
    const resolving = detachment.resolve()
    answer([{ id, ...extended }])
    expect(await resolving).toBe(true)
    await detaching
  })
})

describe('a reservation that is not', () => {
  it('stays with its response', async () => {
    expect(await create().detachment.resolve()).toBe(false)
  })

  it.each<[string, Step, RegExp]>([
    ['has ended', { outcome: 'expired' }, /cannot be detached: it is expired/],
    ['cannot be reached', createFault('42501', 'permission denied'), /permission denied/],
  ])('because it %s stays with its response, and the handler is told', async (_why, step, message) => {
    const { onDetached, detachment } = create(step)
    await expect(detachment.detach()).rejects.toThrow(message)
    expect(onDetached).not.toHaveBeenCalled()
    expect(await detachment.resolve()).toBe(false)
  })

  it('can be tried again', async () => {
    const { detachment } = create([createFault('42501', 'permission denied'), extended])
    await expect(detachment.detach()).rejects.toThrow()
    expect(await detachment.detach()).toBe(id)
    expect(await detachment.resolve()).toBe(true)
  })

  it('cannot be once its response has ended', async () => {
    const { ledger, detachment } = create()
    await detachment.resolve()
    await expect(detachment.detach()).rejects.toThrow('its response has ended')
    expect(ledger.calls).toEqual([])
  })

  it.each([0, -1, 901, 1.5, Number.NaN, '60'])('is refused a lease of %s seconds', async (leaseSeconds) => {
    const { ledger, detachment } = create()
    await expect(detachment.detach({ leaseSeconds: leaseSeconds as number })).rejects.toThrow(TypeError)
    expect(ledger.calls).toEqual([])
    expect(await detachment.resolve()).toBe(false)
  })
})
