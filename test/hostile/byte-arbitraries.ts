import fc from 'fast-check'

/** Any bytes, as Node hands a header's over: a letter for each. */
export const bytes = (maxLength = 60): fc.Arbitrary<string> => fc.uint8Array({ maxLength }).map((given) => Buffer.from(given).toString('latin1'))

/** Any bytes, also between fragments that a parser would like to see. */
export const bytesAround = (...fragments: readonly string[]): fc.Arbitrary<string> =>
  fc.oneof(
    bytes(),
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.array(fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...fragments) }, { weight: 1, arbitrary: bytes(3) }), { maxLength: 8 }).map((parts) => parts.join('')),
  )

/** A good text with some of its bytes replaced, left out or doubled. */
export const bytesOf = (texts: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.tuple(texts, fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 255 })), { maxLength: 3 })).map(([text, changes]) =>
    changes.reduce((changed, [seed, kind, byte]) => {
      const at = seed % (changed.length + 1)
      const letter = String.fromCharCode(byte)
      return changed.slice(0, at) + (kind === 0 ? letter : kind === 1 ? '' : letter + changed.charAt(at)) + changed.slice(at + 1)
    }, text),
  )
