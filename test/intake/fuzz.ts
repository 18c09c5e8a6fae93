import fc from 'fast-check'

/** Seconds in CI; REVENANT_FUZZ_RUNS=100000 looks longer. */
export const RUNS = Number(process.env.REVENANT_FUZZ_RUNS ?? 1_000)

/** For as many runs as there are, on a machine that does other things too. */
export const FUZZ_MS = 30_000 + RUNS * 20

/** Whatever quotes a secret is found by this; it passes for a token. */
export const SECRET = 'ghp_Made0Up0For0Fuzzing000000000000000'

interface Edit {
  /** Where, as a share of the text. */
  at: number
  how: 'cut' | 'drop' | 'put' | 'replace'
  text: string
}

const mischief = fc.oneof(
  fc.constantFrom(
    '"',
    "'",
    '\\',
    '{',
    '}',
    '[',
    ']',
    ':',
    '=',
    '@',
    '/',
    '#',
    ';',
    '\n',
    '\r',
    '\0',
    '\uFEFF',
    '\u2028',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as configurations spell a variable
    '${x}',
    '*',
    '&a',
    '*a',
    '!!',
    '%',
    '%zz',
    ' ',
    '\t',
  ),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 3 }),
)

/** A few small changes of a text: characters lost, added or others, or its end missing. */
export const EDITS: fc.Arbitrary<Edit[]> = fc.array(
  fc.record<Edit>({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    how: fc.constantFrom('cut', 'drop', 'put', 'put', 'replace', 'replace'),
    text: mischief,
  }),
  { minLength: 1, maxLength: 4 },
)

export function edited(text: string, edits: readonly Edit[]): string {
  return edits.reduce((before, { at, how, text: mark }) => {
    const place = Math.floor(at * before.length)
    if (how === 'cut') return before.slice(0, place)
    const rest = before.slice(how === 'put' ? place : place + 1)
    return before.slice(0, place) + (how === 'drop' ? '' : mark) + rest
  }, text)
}
