import { describe, expect, it } from 'vitest'
import { loadProbe } from '../../probes/registry.ts'
import { replay } from '../conformance/replay.ts'
import { openHttp } from '../servers/hostile-http.ts'
import { bearerAt, driveRegistry, REGISTRY_ROWS, SECRET } from './registry-answers.ts'

describe('docker-registry', () => {
  it.each(REGISTRY_ROWS)('$name: $verdict / $reason', async (row) => {
    const { judgement, registry, token, text } = await driveRegistry(row)
    expect(judgement).toMatchObject({ verdict: row.verdict, reason: row.reason })
    if (row.verdict === 'rejected') expect(judgement.strength).toBe(row.strength)
    expect(judgement.principal).toBe(row.principal)
    expect([registry.length, token.length]).toEqual(row.asks)
    expect(registry[0]?.headers.authorization).toBeUndefined()
    expect(text).not.toContain(SECRET.password)
    if (token[0] !== undefined) expect(token[0].url).toBe('/token?service=registry.example')
  })

  it('a canary vouches for its own kind of password, and for none whose kind cannot be told', async () => {
    const probe = await loadProbe('docker-registry')
    const formOf = (password: string, target: object = {}) =>
      probe.bind({ url: 'https://registry.example', ...target }).secret({ username: 'alice', password }).form
    expect(formOf('glpat-ABCDEFGHIJKLMNOPQRST')).toBe(formOf('glpat-TSRQPONMLKJIHGFEDCBA'))
    expect(formOf('glpat-ABCDEFGHIJKLMNOPQRST')).not.toBe(formOf('dckr_pat_ABCDEFGHIJKLMNOPQRST'))
    expect(formOf('glpat-ABCDEFGHIJKLMNOPQRST')).not.toBe(formOf('correct horse battery'))
    expect(formOf('correct horse battery')).not.toBe(formOf('correct horse battery'))
    const noSecondFactor = { passwordIsProof: true }
    expect(formOf('correct horse battery', noSecondFactor)).toBe(formOf('another password', noSecondFactor))
    expect(formOf('correct horse battery', noSecondFactor)).not.toBe(formOf('glpat-ABCDEFGHIJKLMNOPQRST', noSecondFactor))
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
