import { setTimeout as sleep } from 'node:timers/promises'

export interface Lead {
  readonly company: string
  readonly contact: string
  readonly email: string
  readonly state: string
}

export interface LeadQuery {
  readonly state: string
  readonly limit: number
}

const LEADS: readonly Lead[] = [...createLeads('TX', 40), ...createLeads('VT', 4)]

/** Stands in for a lead database: at most `limit` leads of one state, maybe fewer. The state `[fail]` finds it down. */
export async function findLeads({ state, limit }: LeadQuery): Promise<readonly Lead[]> {
  await sleep(10)
  if (state === '[fail]') throw new Error('the lead source is down')
  return LEADS.filter((lead) => lead.state === state).slice(0, limit)
}

function createLeads(state: string, count: number): Lead[] {
  return Array.from({ length: count }, (_, index) => ({
    company: `${state} Roofing ${index + 1}, Inc.`,
    contact: `Owner ${index + 1}`,
    email: `owner${index + 1}@${state.toLowerCase()}-roofing.example`,
    state,
  }))
}
