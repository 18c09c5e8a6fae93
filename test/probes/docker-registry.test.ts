import { describe, expect, it } from 'vitest'
import { loadProbe } from '../../probes/registry.ts'
import { replay } from '../conformance/replay.ts'
import { openHttp } from '../servers/hostile-http.ts'
import { bearerAt, driveRegistry, REGISTRY_ROWS, SECRET } from './registry-answers.ts'

describe('docker-registry', () => {
  it.each(REGISTRY_ROWS)('$name: $verdict / $reason', async (row) => {
    const { judgement, registry, token, text } = await driveRegistry(row)
    expect(judgement).toMatchObject({ verdict: row.verdict, reason: row.reason })
    expect(judgement.principal).toBe(row.principal)
    expect([registry.length, token.length]).toEqual(row.asks)
    expect(registry[0]?.headers.authorization).toBeUndefined()
    expect(text).not.toContain(SECRET.password)
    if (token[0] !== undefined) expect(token[0].url).toBe('/token?service=registry.example')
  })

  it('nobody shows an open token server', async () => {
    const row = REGISTRY_ROWS.find(({ name }) => name === 'opaque token where none is free')
    const token = await openHttp(() => row?.token?.({ method: '', url: '', headers: {}, body: '' }) ?? { status: 500 })
    const registry = await openHttp((asked) => bearerAt(asked, { registry: '', token: token.origin }))
    const bound = (await loadProbe('docker-registry')).bind({
      url: registry.origin,
      tokenOrigin: token.origin,
      tokenIsProof: true,
    })
    const nobody = bound.secret(SECRET).decoy('nobody')
    expect(nobody).toBeDefined()
    if (nobody !== undefined) expect((await replay(bound, nobody)).judgement.verdict).toBe('accepted')
    expect(token.asked[0]?.headers.authorization).toBeUndefined()
    await Promise.all([registry.stop(), token.stop()])
  })
})
