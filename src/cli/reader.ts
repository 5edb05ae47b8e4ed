import type { z } from 'zod'
import { LedgerFault } from '../ledger/fault.ts'
import { callDataApi } from './data-api.ts'
import { openDatabase } from './database.ts'
import type { Environment } from './environment.ts'
import { NO_WAY } from './connection.ts'
import { ConnectionError } from './exit.ts'

/** What the database tells people about a subscription, over whichever way to it the environment names. */
export interface Reader {
  /** @throws LedgerFault for an answer of another shape. */
  read<Answer>(name: 'creditgate_balance_of' | 'creditgate_history', args: Readonly<Record<string, string | number>>, shape: z.ZodType<Answer>): Promise<Answer>
  close(): Promise<void>
}

/** @throws ConnectionError when no way is named. */
export async function openReader(environment: Environment, folder: string): Promise<Reader> {
  const { call, close } = await openCall(environment, folder)
  return {
    close,
    async read(name, args, shape) {
      const parsed = shape.safeParse(await call(name, args))
      if (!parsed.success) throw new LedgerFault('unknown', 'bad-answer', `creditgate: the database's answer to ${name} is not one`)
      return parsed.data
    },
  }
}

async function openCall(environment: Environment, folder: string) {
  if (environment.databaseUrl !== undefined) {
    const database = await openDatabase(environment, folder)
    const call = async (name: string, args: Readonly<Record<string, string | number>>) => {
      const named = Object.keys(args).map((key, index) => `${key} => $${index + 1}`)
      const [row] = await database.select<{ answer: unknown }>(`select public.${name}(${named.join(', ')}) as answer`, Object.values(args).map(String))
      return row?.answer
    }
    return { call, close: () => database.close() }
  }
  const { dataApi } = environment
  if (dataApi === undefined) throw new ConnectionError(NO_WAY)
  return { call: (name: string, args: object) => callDataApi(dataApi, name, args), close: () => Promise.resolve() }
}
