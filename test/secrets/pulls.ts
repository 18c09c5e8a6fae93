import { expect } from 'vitest'
import { z } from 'zod'
import { EVIDENCE_ROUTES } from '../../src/api/evidence-routes.ts'
import type { House } from '../servers/revenant.ts'
import type { Marks } from './marks.ts'
import type { Note } from './receivers.ts'

/** Tokens of auditors, of each kind of reference. */
export interface Auditors {
  /** `evidence.auditorTokens`. */
  auditorTokens: { name: string; token: string }[]
  /** The tokens themselves, in the same order. */
  tokens: [string, string]
}

export function plantAuditors(marks: Marks, env: Record<string, string>, house: House): Auditors {
  const tokens: [string, string] = [marks.plant('auditor token'), marks.plant('auditor token in a file')]
  env.AUDITOR_TOKEN = tokens[0]
  const file = house.write('auditors/token', `${tokens[1]}\n`)
  return {
    auditorTokens: [
      { name: 'grc', token: 'env:AUDITOR_TOKEN' },
      { name: 'external', token: `file:${file}` },
    ],
    tokens,
  }
}

const PERIOD = 'from=2020-01-01T00:00:00Z&to=2099-01-01T00:00:00Z'
/** What each address needs to answer; an address that is not here needs nothing. */
const NEEDS: Readonly<Record<string, string>> = {
  'entries/{index}/proof': 'entries/0/proof',
  'statements/{name}': `statements/leavers?${PERIOD}`,
  frameworks: `frameworks?${PERIOD}`,
}
const page = z.object({ statements: z.array(z.object({ name: z.string() })).optional() })

/** Every address of auditors' pulls, with each token; then with what is no token, in every place that somebody may put one. */
export async function pullEvidence(address: string, { tokens }: Auditors, marks: Marks, note: Note): Promise<void> {
  const base = `${address}/v1/evidence/`
  const ask = async (path: string, status: number, headers: Record<string, string>, place = path) => {
    const answer = await fetch(`${base}${path}`, { headers, redirect: 'manual' })
    const body = await answer.text()
    note(`/v1/evidence/${place}, ${status}`, `${JSON.stringify([...answer.headers])}${body}`)
    expect([place, answer.status]).toEqual([place, status])
    return { body, etag: answer.headers.get('etag') ?? '' }
  }
  const [first, second] = tokens.map((token) => ({ authorization: `Bearer ${token}` }))
  const paths = EVIDENCE_ROUTES.map(({ path }) => path.replace('/v1/evidence/', ''))
  for (const path of [...paths.map((each) => NEEDS[each] ?? each), 'openapi.json']) {
    const { etag } = await ask(path, 200, { ...first })
    await ask(path, 304, { ...second, 'if-none-match': etag })
  }
  const { statements = [] } = page.parse(JSON.parse((await ask('statements', 200, { ...first })).body))
  for (const { name } of statements) await ask(`statements/${name}?${PERIOD}`, 200, { ...first })
  // A right token, and a secret where something else belongs: no value is repeated.
  const slip = marks.plant('slip: a pull')
  for (const [name, value] of Object.entries({ after: slip, token: slip, access_token: tokens[0] }))
    await ask(`entries?${name}=${value}`, 400, { ...first }, `entries?${name}=`)
  await ask(`statements/${slip}?${PERIOD}`, 404, { ...first }, 'statements/SLIP')
  // Few enough that the address is listened to afterwards.
  const refused: Record<string, Record<string, string>> = {
    'no token': {},
    'another token': { authorization: `Bearer ${marks.plant('slip: a token')}` },
    'a token as a password': { authorization: `Basic ${Buffer.from(`grc:${tokens[0]}`).toString('base64')}` },
    'a token in a cookie': { cookie: `token=${tokens[1]}` },
  }
  for (const [name, headers] of Object.entries(refused)) await ask('entries', 401, headers, `entries with ${name}`)
}
