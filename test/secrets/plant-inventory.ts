import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'vitest'
import type { Marks } from './marks.ts'
import type { Run } from './run.ts'

/** A system with an inventory whose administrator's credential is marked, and that says again what it was shown. */
export async function plantInventory(marks: Marks, env: Record<string, string>) {
  env.INVENTORY = marks.plant('inventory: token')
  let shown = 0
  const server = createServer((request, response) => {
    const { authorization = '' } = request.headers
    if (authorization === `SSWS ${env.INVENTORY}`) shown++
    const [path = ''] = (request.url ?? '').split('?')
    // Somebody is unknown, or known and refused: neither is a finding.
    const isKnown = /^\/api\/v1\/users\/leaver-[0-9]+$/.test(path)
    // A list that is read to its end, so that it is logged: what it shows is nobody's, and says the credential again.
    if (path === '/api/v1/eventHooks') {
      const hook = { id: 'h1', name: authorization, status: 'ACTIVE', createdBy: null }
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify([hook]))
      return
    }
    const status = isKnown ? 200 : /^\/api\/v1\/users\/[^/]+$/.test(path) ? 404 : 403
    const body = { ...(isKnown ? { id: 'u1' } : { errorCode: status === 404 ? 'E0000007' : authorization }), said: authorization }
    response.writeHead(status, { 'content-type': 'application/json', 'x-shown': authorization }).end(JSON.stringify(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const system = {
    name: 'inventory',
    probe: 'http',
    target: {
      url: `${origin}/me`,
      credential: 'bearer',
      accept: [{ when: { status: 200, json: { '/login': { type: 'string' } } } }],
    },
    inventory: {
      kind: 'okta',
      by: 'externalId',
      target: { baseUrl: origin, tls: 'disable' },
      credential: { token: 'env:INVENTORY' },
    },
  }

  async function tell(run: Run): Promise<void> {
    // The daemon may be asking, or have asked a moment ago.
    for (const line of ['grants run inventory', 'grants run inventory --json', 'grants list', 'grants list --json'])
      expect([0, 2]).toContain((await run(line)).exit)
    expect(shown).toBeGreaterThan(0)
    // What was listed is an entry, and in the bundle that is searched with all other files.
    const { exit, stdout } = await run(
      'report evidence --from 2020-01-01T00:00:00Z --to 2099-01-01T00:00:00Z --system inventory --out listings --json',
    )
    expect([exit, stdout]).toEqual([0, expect.stringContaining('"kind":"listing"')])
  }
  const stop = async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { system, tell, stop }
}
