import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { loadProbe } from '../probes/registry.ts'
import { replay } from './conformance/replay.ts'
import { drive, driveRow } from './probes/drive.ts'
import { ANSWERS } from './probes/http-answers.ts'
import { driveRegistry, REGISTRY_ROWS } from './probes/registry-answers.ts'
import { closedPort } from './servers/hostile.ts'
import { openHttp } from './servers/hostile-http.ts'

const FILE = new URL('../../shared/verdicts/cases.json', import.meta.url)
const present = existsSync(FILE)

const caseSchema = z.object({
  id: z.string(),
  system: z.string(),
  protocol: z.string(),
  verdict: z.enum(['accepted', 'rejected', 'inconclusive']),
  reason: z.string(),
  strength: z.enum(['strong', 'weak']),
})
type Case = z.infer<typeof caseSchema>

const SYSTEMS = [
  'HTTP generic',
  'HTTP login form',
  'JWT',
  'Webhook receiver',
  'GitHub',
  'GitLab',
  'Slack',
  'Jira / Confluence Cloud',
  'Jira Server/DC',
  'Atlassian admin',
  'Docker registry v2',
  'Docker Hub',
  'npm registry',
  'Vault / OpenBao',
  'Any',
]

/** Driven elsewhere than by one wire answer. */
const DRIVEN: Readonly<Record<string, () => Promise<void>>> = {
  // A single attempt cannot see it; the decoys of the trial can, because they are let in by the same answer.
  v368: () => letsDecoysIn('http', (url) => ({ url, credential: 'bearer', accept: ANY_USER }), { token: LONG }),
  v397: () => letsDecoysIn('http', (url) => ({ url, credential: { query: 'key' }, accept: ANY_USER }), { key: LONG }),
  v382: unreachable,
  v699: unreachable,
  v701: garbage,
  v702: async () => {
    const { judgement } = await drive(
      'http',
      (url) => ({ url, credential: 'bearer', accept: ANY_USER }),
      { token: 'n\u00f6n-ascii-\u20ac' },
      () => ({ status: 200 }),
    )
    expect(judgement).toMatchObject({ verdict: 'inconclusive', reason: 'client_error' })
  },
}

/** Where our answer differs from the case, and why. The verdict is never bolder than the case's. */
const DIFFERENT: Readonly<Record<string, { reason?: string; strength?: 'strong' | 'weak'; why: string }>> = {
  v383: {
    reason: 'ambiguous',
    why: 'that the page comes for any host is what the decoys find out: endpoint_unauthenticated is the trial’s to say',
  },
  v400: { strength: 'weak', why: 'from memory; a live session that must prove itself anew is sent to the identity provider too' },
  v544: { strength: 'weak', why: 'v546: a live token may be told the same from outside its network zones' },
  v572: { strength: 'weak', why: 'from memory, and there is no code beside an English message' },
  v592: { strength: 'weak', why: 'there is no code beside an English message' },
  v601: { strength: 'weak', why: 'from memory' },
  v610: { strength: 'weak', why: 'from memory' },
  v613: { strength: 'weak', why: 'a live token with scopes is told the same at the address of a site' },
  v618: { strength: 'weak', why: 'a status without a code' },
  v669: { strength: 'weak', why: 'from memory; GitLab tells it the right password of a user with a second factor' },
  v673: { strength: 'weak', why: 'a status without a code; enforced single sign-on refuses right passwords' },
  v675: { strength: 'weak', why: 'a status without a code' },
  v681: { strength: 'weak', why: 'from memory, and there is no code beside an English message' },
}

/** Cases that no probe of this half drives, each with the reason. */
const NOT_DRIVEN: Readonly<Record<string, string>> = {
  v388: 'the http probe does not speak Digest; a Digest challenge to Basic is auth_method_unsupported',
  v402: 'a form login makes a session and needs a CSRF token first: no probe does it',
  v403: 'see v402',
  v404: 'see v402',
  v405: 'nothing is sent: not an answer. The http probe replays an expired JWT like any other',
  v409: 'HMAC signatures are beyond the catalogue, and a right one is processed: a write',
  v410: 'see v409',
  v411: 'see v409',
  v412: 'see v409',
  v583: 'the entry takes tokens only, so that no password is sent to GitHub',
  v585: 'asks with the application’s own secret, which Revenant does not hold',
  v546: 'what Okta answers outside a network zone is not documented: a 403 with E0000011 is inconclusive, a 401 is weak (v544), and the closed list has no rejected / ip_blocked',
  v616: 'the same bytes as v612; the reason cannot be told apart, the verdict and strength are the same',
  v687: 'a userpass login issues a token and counts towards a lock: not replayed. Use a typed LDAP probe where the directory is behind it',
  v688: 'see v687',
  v689: 'see v687',
  v690: 'see v687',
  v691: 'see v687; and no empty secret reaches a probe',
  v692: 'an AppRole login uses up a secret_id: not replayed',
}

const LONG = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ012345'
const ANY_USER = [{ when: { status: 200, json: { '/user': { exists: true } } } }]

describe.skipIf(!present)(
  present ? 'the verdict cases of HTTP' : 'the verdict cases of HTTP: ../shared/verdicts is missing',
  () => {
    const cases: Case[] = present
      ? z
          .array(caseSchema)
          .parse(JSON.parse(readFileSync(FILE, 'utf8')))
          .filter(concerns)
      : []
    const rows = (id: string) => ANSWERS.filter((row) => row.cases?.includes(id))
    const registryRows = (id: string) => REGISTRY_ROWS.filter((row) => row.cases?.includes(id))

    it('are each driven, or listed with the reason why not, and not both', () => {
      for (const { id } of cases) {
        const ways = [rows(id).length + registryRows(id).length > 0, id in DRIVEN, id in NOT_DRIVEN].filter(Boolean).length
        expect([id, ways]).toEqual([id, 1])
      }
      const known = new Set(cases.map(({ id }) => id))
      const named = [
        ...Object.keys(DRIVEN),
        ...Object.keys(NOT_DRIVEN),
        ...Object.keys(DIFFERENT),
        ...ANSWERS.flatMap((row) => row.cases ?? []),
        ...REGISTRY_ROWS.flatMap((row) => row.cases ?? []),
      ]
      for (const id of named) expect([id, known.has(id)]).toEqual([id, true])
    })

    for (const of of cases) {
      for (const row of rows(of.id)) {
        it(`${of.id} ${row.kind}, ${row.name}`, async () => {
          const { judgement } = await driveRow(row)
          holdAgainst(of, judgement)
        })
      }
      for (const row of registryRows(of.id)) {
        it(`${of.id} docker-registry, ${row.name}`, async () => {
          const { judgement } = await driveRegistry(row)
          // The case names two answers at once: 403 and 429.
          holdAgainst(of, judgement)
        })
      }
      const driven = DRIVEN[of.id]
      if (driven !== undefined) it(`${of.id} ${of.system}`, driven)
      const why = NOT_DRIVEN[of.id]
      if (why !== undefined) it.skip(`${of.id} ${of.system}: ${why}`)
    }
  },
)

function concerns({ system, protocol }: Case): boolean {
  return SYSTEMS.includes(system) || (system === 'Okta' && protocol.includes('SSWS'))
}

/** Strength is only looked at where it decides something: a rejection. */
function holdAgainst(of: Case, judgement: { verdict: string; reason: string; strength: string }): void {
  const different = DIFFERENT[of.id]
  expect(judgement).toMatchObject({ verdict: of.verdict, reason: different?.reason ?? of.reason })
  if (of.verdict === 'rejected') expect(judgement.strength).toBe(different?.strength ?? of.strength)
}

async function letsDecoysIn(kind: string, target: (url: string) => unknown, secret: unknown): Promise<void> {
  const server = await openHttp(() => ({ status: 200, body: { user: 'guest' } }))
  try {
    const bound = (await loadProbe(kind)).bind(target(server.origin))
    for (const of of ['nobody', 'stranger', 'same-principal'] as const) {
      const decoy = bound.secret(secret).decoy(of)
      expect(decoy).toBeDefined()
      if (decoy !== undefined) expect((await replay(bound, decoy)).judgement.verdict).toBe('accepted')
    }
  } finally {
    await server.stop()
  }
}

async function unreachable(): Promise<void> {
  const bound = (await loadProbe('http')).bind({
    url: `http://127.0.0.1:${await closedPort()}/`,
    credential: 'bearer',
    accept: ANY_USER,
  })
  const { judgement } = await replay(bound, bound.secret({ token: LONG }))
  expect(judgement).toMatchObject({ verdict: 'inconclusive', reason: 'unreachable' })
}

async function garbage(): Promise<void> {
  const { openHostile, sayOnFirstBytes } = await import('./servers/hostile.ts')
  const listener = await openHostile(sayOnFirstBytes('\u0000\u0001 not HTTP \r\n\r\n', 'end'))
  try {
    const bound = (await loadProbe('http')).bind({
      url: `http://127.0.0.1:${listener.port}/`,
      credential: 'bearer',
      accept: ANY_USER,
    })
    const { judgement } = await replay(bound, bound.secret({ token: LONG }))
    expect(judgement).toMatchObject({ verdict: 'inconclusive', reason: 'protocol_error' })
  } finally {
    await listener.stop()
  }
}
