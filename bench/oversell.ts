import { LIMITED_ACCOUNT, LIMITED_CREDITS } from './accounts.ts'
import { CONTENDERS, type Contender, type ContenderName } from './contenders/contender.ts'
import type { Contenders } from './contenders/open-contenders.ts'
import type { Say } from './progress.ts'

export interface OversellFigure {
  readonly contender: ContenderName
  readonly credits: number
  readonly admitted: number
  /** How many were admitted that there were no credits for. */
  readonly oversold: number
}

export const OVERSELL_CALLERS = 16

/** Several callers at once spend an account that has few credits, until each is refused. */
export async function countOversells(contenders: Contenders, say: Say): Promise<readonly OversellFigure[]> {
  const figures: OversellFigure[] = []
  for (const contender of Object.keys(CONTENDERS) as ContenderName[]) {
    const admitted = (await Promise.all(Array.from({ length: OVERSELL_CALLERS }, () => spend(contenders[contender])))).reduce((sum, each) => sum + each)
    figures.push({ contender, credits: LIMITED_CREDITS, admitted, oversold: Math.max(0, admitted - LIMITED_CREDITS) })
    say(`${CONTENDERS[contender]}: ${admitted} admitted on ${LIMITED_CREDITS} credits`)
  }
  return figures
}

async function spend(contender: Contender): Promise<number> {
  for (let admitted = 0; ; admitted += 1) {
    const settle = await contender.reserve(LIMITED_ACCOUNT)
    if (settle === undefined) return admitted
    await settle()
  }
}
