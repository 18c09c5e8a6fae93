import type { PostgresServer } from '../servers/postgres.ts'
import type { House } from '../servers/revenant.ts'
import type { Downstream } from './downstream.ts'
import type { Marks } from './marks.ts'
import type { Plant } from './plants.ts'
import { TOLD_TIER } from './receivers.ts'

const IDENTITIES = 4

export function identities(): string {
  const left = new Date(Date.now() - 3_600_000).toISOString()
  return Array.from(
    { length: IDENTITIES },
    (_, n) => `${JSON.stringify({ external_id: `leaver-${n}`, terminated_at: left })}\n`,
  ).join('')
}

/** Four credentials of each kind: sealed or by reference to the environment or files, half of them alive. */
export function rowsOf(
  plant: Plant,
  marks: Marks,
  env: Record<string, string>,
  house: House,
  downstream: Downstream | undefined,
): object[] {
  const { system } = plant
  const make = (n: number, alive: boolean) => {
    const who = `${system}-user-${n}`
    return plant.secret(who, () => {
      const mark = marks.plant(system)
      if (alive && plant.never !== true) downstream?.live.add(mark)
      return mark
    })
  }
  const variable = `SECRET_${system.replaceAll('-', '_').toUpperCase()}`
  env[variable] = JSON.stringify(make(2, true))
  const file = house.write(`secrets/${system}.json`, JSON.stringify(make(3, false)))
  const common = { system, privilege: 'admin' }
  return [
    { ...common, identity: 'leaver-0', label: 'alive', secret: make(0, true) },
    { ...common, identity: 'leaver-1', label: 'dead', secret: make(1, false) },
    { ...common, identity: 'leaver-2', label: 'by environment', secret_ref: `env:${variable}` },
    { ...common, identity: 'leaver-3', label: 'by file', secret_ref: `file:${file}` },
  ]
}

/** Systems whose findings every receiver is told of. */
const TOLD: ReadonlySet<string> = new Set(['bearer', 'bearer-hex', 'basic', 'github', 'hostile-postgres', 'ldap'])

export function configOf(
  plants: readonly Plant[],
  server: PostgresServer | undefined,
  marks: Marks,
  env: Record<string, string>,
  downstream: Downstream | undefined,
) {
  const systems = plants.map(({ system, probe, target, allowEffects = [], canary, secret, limits = {} }) => {
    const variable = `CANARY_${system.replaceAll('-', '_').toUpperCase()}`
    if (canary === true) {
      env[variable] = JSON.stringify(
        secret('canary', () => {
          const mark = marks.plant(`canary of ${system}`)
          downstream?.live.add(mark)
          return mark
        }),
      )
    }
    return {
      name: system,
      probe,
      target,
      allowEffects,
      ...(TOLD.has(system) ? { tier: TOLD_TIER } : {}),
      limits: { timeout: '10s', rate: '200/s', failuresPerPrincipal: '20/1h', ...limits },
      ...(canary === true ? { controls: { canary: `env:${variable}` } } : {}),
    }
  })
  return {
    ...(server === undefined ? {} : { database: { url: 'env:DATABASE_URL' } }),
    systems,
    telemetry: { logLevel: 'trace' },
  }
}
