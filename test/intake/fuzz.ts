import fc from 'fast-check'
import { sql } from 'kysely'
import type { Db } from '../../src/store/db.ts'

/** Seconds in CI; REVENANT_FUZZ_RUNS=100000 looks longer. */
export const RUNS = runs(1_000)

/** For as many runs as there are, on a machine that does other things too. */
export const FUZZ_MS = fuzzMs(RUNS)

/** How many runs there are where CI has `few`. */
export function runs(few: number): number {
  return Number(process.env.REVENANT_FUZZ_RUNS ?? few)
}

export function fuzzMs(count: number): number {
  return 30_000 + count * 30
}

/** Tries a property so many times. A failure tells its seed, which REVENANT_FUZZ_SEED gives again. */
export async function fuzz<Given>(property: fc.IAsyncProperty<Given>, numRuns: number): Promise<void> {
  const seed = process.env.REVENANT_FUZZ_SEED
  await fc.assert(property, { numRuns, ...(seed === undefined ? {} : { seed: Number(seed) }) })
}

/** Tables whose rows tell what was done. Their ids rise with time: what is new is found by them. */
const COUNTED = ['identity', 'credential', 'scim_resource', 'feed_statement', 'audit'] as const
export type Added = Record<(typeof COUNTED)[number], number>

/** Counts the rows that were added since it was asked last: what was done, whatever was reported. */
export function openCensus(db: Db): () => Promise<Added> {
  let last: Record<string, string> = {}
  return async () => {
    const parts = COUNTED.map(
      (table) =>
        sql`select ${table} as of, count(*)::int as n, max(id::text) as last from ${sql.table(table)}
          where id > ${last[table] ?? '00000000-0000-0000-0000-000000000000'}::uuid`,
    )
    const { rows } = await sql<{ of: string; n: number; last: string | null }>`${sql.join(parts, sql` union all `)}`.execute(db)
    last = { ...last, ...Object.fromEntries(rows.flatMap(({ of, last: to }) => (to === null ? [] : [[of, to]]))) }
    const count = (table: string) => rows.find(({ of }) => of === table)?.n ?? 0
    return {
      identity: count('identity'),
      credential: count('credential'),
      scim_resource: count('scim_resource'),
      feed_statement: count('feed_statement'),
      audit: count('audit'),
    }
  }
}

export const NOTHING_ADDED: Added = { identity: 0, credential: 0, scim_resource: 0, feed_statement: 0, audit: 0 }

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

const git = { Git: { file: 'src/app.py', email: 'Anna <anna@example.com>', line: 1 } }
/** A finding of each scanner and each way of reading one. */
export const REPORTS = [
  { DetectorName: 'Github', Raw: SECRET, RawV2: '', Verified: true, SecretParts: { key: SECRET }, SourceMetadata: { Data: git } },
  { DetectorName: 'Postgres', Raw: `postgres://anna:${SECRET}@db.example.com:5432`, SourceMetadata: { Data: git } },
  { DetectorName: 'URI', Raw: `https://anna:${SECRET}@intranet.example.com`, SourceMetadata: { Data: git } },
  { DetectorName: 'LDAP', Raw: `ldaps://ldap.example.com\tanna\t${SECRET}`, SourceMetadata: { Data: git } },
  { DetectorName: 'Acme', Raw: SECRET, RawV2: `${SECRET}:x`, SourceMetadata: { Data: git } },
  { RuleID: 'github-pat', StartLine: 3, Match: SECRET, Secret: SECRET, File: 'a.sh', Email: 'anna@example.com' },
  {
    RuleID: 'private-key',
    StartLine: 3,
    Secret: `-----BEGIN PRIVATE KEY-----\n${SECRET}\n-----END PRIVATE KEY-----`,
    File: 'a',
    Email: '',
  },
  {
    rule: { name: 'x', id: 'kingfisher.github.2' },
    finding: {
      snippet: SECRET,
      line: 7,
      path: 'a.py',
      validation: { status: 'Active Credential' },
      git_metadata: { commit: { committer: { email: 'anna@example.com' } }, file: { path: 'a.py' } },
    },
  },
]

/** A value in place of another, anywhere in a finding. */
export const BROKEN = fc
  .record({ at: fc.nat(40), value: fc.oneof(fc.jsonValue(), fc.constantFrom(null, undefined, [], {}, -1, '')) })
  .map(({ at, value }) => {
    let left = at
    return (_key: string, old: unknown) => (left-- === 0 ? value : old)
  })

/** A line of JSON that may be a finding. */
export const LINE = fc.tuple(fc.constantFrom(...REPORTS), fc.option(BROKEN), fc.option(EDITS)).map(([report, breaks, edits]) => {
  const text = JSON.stringify(report, breaks ?? undefined) ?? 'undefined'
  return edits === null ? text : edited(text, edits).replaceAll('\n', ' ')
})
