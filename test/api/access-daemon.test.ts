import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { documents } from '../commands/house.ts'
import { makeAuthority } from '../servers/certificates.ts'
import { type House, openHouse, type RunningDaemon } from '../servers/revenant.ts'
import { bearer, json, keep } from './access-house.ts'

const LINK = /http:\/\/127\.0\.0\.1:\d+\/#\/sign-in\?code=([\w-]{22})/
const made = z.looseObject({ token: z.string() })

describe('the daemon', { timeout: 120_000 }, () => {
  let house: House
  let daemon: RunningDaemon
  beforeAll(async () => {
    house = openHouse()
    house.configure({})
    daemon = await house.daemon()
  }, 120_000)
  afterAll(() => house.stop())

  const signIn = async (code: string) => {
    const answer = await fetch(`${daemon.address}/v1/session`, json({ code }))
    const cookies = new Map<string, string>()
    keep(answer, cookies)
    return { answer, cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') }
  }
  const asked = async (token: string, path = 'session') => (await fetch(`${daemon.address}/v1/${path}`, bearer(token))).status

  it('says where the page is, and on the first start how to sign in, but not in its log', async () => {
    expect(daemon.stdout()).toContain(`"page":"${daemon.address}"`)
    const code = LINK.exec(daemon.stderr())?.[1] ?? ''
    expect(code).not.toBe('')
    expect(daemon.stdout()).not.toContain(code)
    const { answer, cookie } = await signIn(code)
    expect(answer.status).toBe(201)
    expect((await fetch(`${daemon.address}/v1/sessions`, { headers: { cookie } })).status).toBe(200)
    expect((await signIn(code)).answer.status).toBe(401)
  })

  it('prints another link on demand, for the role and the person that are asked for', async () => {
    const ran = await house.run(['access', 'link', '--role', 'auditor', '--email', 'kim@example.com'])
    const code = LINK.exec(ran.stdout)?.[1] ?? ''
    expect([ran.exit, ran.stdout.startsWith(`${daemon.address}/#/sign-in`)]).toEqual([0, true])
    const { answer } = await signIn(code)
    expect(await answer.json()).toMatchObject({ actor: 'kim@example.com', role: 'auditor' })
  })

  it('makes tokens, lists and revokes them', async () => {
    const [token] = documents(
      await house.run(['access', 'tokens', 'create', 'ci', '--role', 'viewer', '--owner', 'e-2', '--days', '3', '--json']),
    ).map((each) => made.parse(each).token)
    const plain = await house.run(['access', 'tokens', 'create', 'cd', '--role', 'operator', '--owner', 'e-1'])
    expect([plain.exit, plain.stdout]).toEqual([0, expect.stringMatching(/^rvt_[\w-]{43}\n$/)])
    expect([await asked(token ?? ''), await asked(plain.stdout.trim())]).toEqual([200, 200])
    const listed = await house.run(['access', 'tokens', 'list', '--json'])
    expect(documents(listed)).toMatchObject([
      { name: 'cd', role: 'operator', state: 'live', owner: 'e-1' },
      { name: 'ci', role: 'viewer', state: 'live', usedAt: expect.any(String) },
    ])
    expect((await house.run(['access', 'tokens'])).stdout).toMatch(/NAME +ROLE +STATE/)
    const create = async (...words: string[]) => (await house.run(['access', 'tokens', 'create', ...words])).exit
    expect(await create('ci', '--role', 'viewer', '--owner', 'e-2')).toBe(2)
    expect(await create('of-nobody', '--role', 'viewer')).toBe(2)
    expect(await create('Not A Name', '--role', 'viewer', '--owner', 'e-2')).toBe(2)
    expect(await create('x', '--role', 'god', '--owner', 'e-2')).toBe(2)
    expect((await house.run(['access', 'tokens', 'revoke', 'ci'])).exit).toBe(0)
    expect((await house.run(['access', 'tokens', 'revoke', 'ci'])).exit).toBe(2)
    expect(await asked(token ?? '')).toBe(401)
    // Whoever owns the other one leaves, by the command line.
    house.write('leavers.jsonl', `${JSON.stringify({ external_id: 'e-1', terminated_at: '2026-01-01T00:00:00Z' })}\n`)
    expect((await house.run(['import', 'identities', 'leavers.jsonl'])).exit).toBe(0)
    expect(await asked(plain.stdout.trim())).toBe(401)
    expect(daemon.said()).not.toContain(plain.stdout.trim())
    const period = ['--from', '2020-01-01T00:00:00Z', '--to', '2100-01-01T00:00:00Z']
    const done = documents(await house.run(['report', 'statement', 'operators', ...period, '--json'])).map(({ action }) => action)
    expect(done).toEqual(expect.arrayContaining(['link.create', 'session.open', 'token.create', 'token.revoke']))
    expect((await house.run(['ledger', 'verify'])).exit).toBe(0)
  })

  it('serves TLS, prints no link once somebody has signed in, and stays away where it is told to', async () => {
    // Somebody's last day comes while nothing runs: what he holds ends as soon as something does, used or not.
    const lastDay = Temporal.Now.instant().add({ seconds: 5 })
    expect((await house.run(['access', 'tokens', 'create', 'late', '--role', 'viewer', '--owner', 'e-3'])).exit).toBe(0)
    house.write('leavers.jsonl', `${JSON.stringify({ external_id: 'e-3', terminated_at: lastDay.toString() })}\n`)
    expect((await house.run(['import', 'identities', 'leavers.jsonl'])).exit).toBe(0)
    await daemon.stop()
    await expect.poll(() => Temporal.Instant.compare(Temporal.Now.instant(), lastDay), { timeout: 10_000 }).toBe(1)
    const authority = await makeAuthority()
    const { cert, key } = await authority.issue(['127.0.0.1'])
    const tls = { cert: house.write('tls.crt', cert), key: house.write('tls.key', key) }
    house.configure({ access: { tls } })
    const secure = house.start(['run'])
    try {
      await expect.poll(() => secure.said(), { timeout: 60_000, interval: 50 }).toContain('"msg":"revenant is running"')
      expect(secure.said()).toMatch(/"page":"https:\/\/127\.0\.0\.1:\d+"/)
      expect(secure.said()).not.toContain('sign-in?code=')
      const late = async () =>
        documents(await house.run(['access', 'tokens', 'list', '--json'])).find(({ name }) => name === 'late')
      await expect.poll(late, { timeout: 20_000 }).toMatchObject({ state: 'revoked', endedBy: 'terminated' })
      // A key that fits no certificate changes nothing.
      house.write('tls.key', 'nothing')
      secure.child.kill('SIGHUP')
      await expect.poll(() => secure.said(), { timeout: 60_000, interval: 50 }).toContain('the configuration was not reloaded')
    } finally {
      secure.child.kill('SIGTERM')
      await secure.ended
      authority.remove()
    }
    house.configure({ access: { serve: false } })
    daemon = await house.daemon()
    expect((await fetch(`${daemon.address}/healthz`)).status).toBe(200)
    expect((await fetch(`${daemon.address}/v1/session`)).status).toBe(404)
    expect(daemon.said()).not.toContain('"page"')
    expect((await house.run(['access', 'link'])).exit).toBe(2)
    await daemon.stop()
    house.configure({ listen: '0.0.0.0:0' })
    const refused = await house.run(['run'])
    expect([refused.exit, refused.stderr]).toEqual([2, expect.stringContaining('can be reached from other machines')])
  })
})
