/** Random choices that a seed repeats. */
export interface Random {
  /** From 0 up to, not including, 1. */
  readonly next: () => number
  /** A whole number from `least` to `most`, both included. */
  readonly integer: (least: number, most: number) => number
  readonly chance: (probability: number) => boolean
  pick<Value>(values: readonly Value[]): Value
  /** One of the keys, each as often as its weight says. */
  weigh<Key extends string>(weights: Readonly<Record<Key, number>>): Key
  /** A sequence of its own for each name, whatever was drawn here before: what is chosen in one place does not move another. */
  fork(name: string): Random
}

/** mulberry32 over a hash of the seed: 32 bits of state are plenty for choices, and it is five lines. */
export function createRandom(seed: string): Random {
  let state = hash(seed)
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const integer = (least: number, most: number) => least + Math.floor(next() * (most - least + 1))
  return {
    next,
    integer,
    chance: (probability) => next() < probability,
    pick<Value>(values: readonly Value[]) {
      if (values.length === 0) throw new RangeError('there is nothing to pick from')
      return values[integer(0, values.length - 1)] as Value
    },
    weigh<Key extends string>(weights: Readonly<Record<Key, number>>) {
      const entries = Object.entries<number>(weights)
      let left = next() * entries.reduce((sum, [, weight]) => sum + weight, 0)
      return (entries.find(([, weight]) => (left -= weight) < 0) ?? entries.at(-1))?.[0] as Key
    },
    fork: (name) => createRandom(`${seed}/${name}`),
  }
}

/** FNV-1a. */
function hash(text: string): number {
  return Array.from(text).reduce((sum, character) => Math.imul(sum ^ (character.codePointAt(0) ?? 0), 0x01000193), 0x811c9dc5)
}
