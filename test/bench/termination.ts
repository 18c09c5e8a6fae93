/**
 * How long it takes from the HTTP request that terminates somebody to the first recorded verdict of his first credential:
 * `node test/bench/termination.ts [--people N]`. Starts the real daemon with its embedded database, and a system on this machine that
 * answers at once; terminates one person after the other by a SCIM PATCH, and asks the API until the verdict can be read.
 */
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { openHouse } from '../servers/revenant.ts'
import { startTokenApi } from '../servers/token-api.ts'

const { values } = parseArgs({ options: { people: { type: 'string', default: '300' } } })
const PEOPLE = Number(values.people)
/** Terminated before the clock is looked at. */
const WARM = 20
const say = (text: string) => process.stdout.write(`${text}\n`)

const scim = 'scim-token-0123456789abcdef'
const house = openHouse({ SCIM_TOKEN: scim })
const api = await startTokenApi()
try {
  const target = {
    url: `${api.origin}/user`,
    credential: 'bearer',
    accept: [{ when: { status: 200, json: { '/login': { type: 'string' } } } }],
    reject: [{ when: { status: 401 }, reason: 'token_invalid', strength: 'strong' }],
  }
  house.configure({
    systems: [{ name: 'api', probe: 'http', target, limits: { rate: '1000/s', concurrency: 8 } }],
    sources: [
      {
        name: 'idp',
        source: 'scim',
        onInactive: 'terminate',
        massEvent: { share: 1, least: 1_000_000 },
        tokens: ['env:SCIM_TOKEN'],
      },
    ],
  })
  const daemon = await house.daemon()
  const people = Array.from({ length: WARM + PEOPLE }, (_, n) => `person-${n}@example.com`)
  const ask = async (method: string, path: string, token: string, body?: unknown): Promise<unknown> => {
    const answer = await fetch(`${daemon.address}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/scim+json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
    return answer.json()
  }
  const ids: string[] = []
  for (const userName of people) {
    const user = await ask('POST', '/scim/v2/Users', scim, {
      schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'],
      userName,
      active: true,
    })
    ids.push(z.looseObject({ id: z.string() }).parse(user).id)
  }
  // One in four is still let in.
  for (const who of people.filter((_, n) => n % 4 === 0)) api.live.set(`token-of-${who}-0123456789`, who)
  const rows = people.map((who) =>
    JSON.stringify({ external_id: who, system: 'api', label: 't', secret: { token: `token-of-${who}-0123456789` } }),
  )
  house.write('held.jsonl', `${rows.join('\n')}\n`)
  const imported = await house.run(['import', 'credentials', 'held.jsonl'])
  if (imported.exit !== 0) throw new Error(imported.stderr)
  // Each has a budget of requests: whoever looks every few milliseconds needs several.
  const tokens: string[] = []
  for (let n = 0; n < 6; n++) {
    const made = await house.run(['access', 'tokens', 'create', `bench-${n}`, '--role', 'viewer', '--owner', 'bench@example.com'])
    tokens.push(made.stdout.trim())
  }
  let asked = 0
  const token = () => tokens[asked++ % tokens.length] ?? ''
  const credentials = new Map<string, string>()
  const listing = z.object({
    items: z.array(z.looseObject({ id: z.string(), identity: z.looseObject({ externalId: z.string() }) })),
    next: z.string().nullable(),
  })
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page = listing.parse(await ask('GET', `/v1/credentials?limit=500${cursor === '' ? '' : `&cursor=${cursor}`}`, token()))
    for (const { id, identity } of page.items) credentials.set(identity.externalId, id)
    cursor = page.next
  }
  const verdictOf = z.looseObject({ verdict: z.string().nullable() })
  const times: { verdict: string; ms: number }[] = []
  for (const [n, who] of people.entries()) {
    const began = performance.now()
    await ask('PATCH', `/scim/v2/Users/${ids[n]}`, scim, {
      schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'],
      Operations: [{ op: 'replace', value: { active: false } }],
    })
    for (;;) {
      const { verdict } = verdictOf.parse(await ask('GET', `/v1/credentials/${credentials.get(who)}`, token()))
      if (verdict !== null) {
        if (n >= WARM) times.push({ verdict, ms: performance.now() - began })
        break
      }
      if (performance.now() - began > 30_000) throw new Error(`no verdict of ${who} after 30 s`)
      await new Promise((resolve) => setTimeout(resolve, 8))
    }
  }
  for (const verdict of ['accepted', 'rejected', undefined]) {
    const of = times
      .filter((each) => verdict === undefined || each.verdict === verdict)
      .map(({ ms }) => ms)
      .toSorted((a, b) => a - b)
    const at = (share: number) => (of[Math.min(of.length - 1, Math.floor(of.length * share))] ?? 0).toFixed(0)
    say(`${verdict ?? 'all'}: ${of.length}, median ${at(0.5)} ms, p90 ${at(0.9)} ms, p99 ${at(0.99)} ms, most ${at(1)} ms`)
  }
  await daemon.stop()
} finally {
  await house.stop()
  await api.stop()
}
