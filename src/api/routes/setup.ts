import { recordLook } from '../../store/looks.ts'
import { NONE, NOTHING, type Route, route } from '../route.ts'
import { catalogueAnswer, configurationAnswer, type DoctorAnswer, type DoctorCheck, doctorAnswer } from '../schemas/setup.ts'
import { shownConfig } from '../shown-config.ts'

const shared = { method: 'GET', tag: 'setup', params: NOTHING, query: NOTHING, body: NONE } as const

export const SETUP_ROUTES: readonly Route[] = [
  route({
    ...shared,
    path: '/v1/setup/doctor',
    id: 'getDoctor',
    summary:
      "What `revenant doctor` says of database, keys, clock, systems and receivers. A stranger and the canary are tried; no leaver's credential is",
    permission: 'operate',
    answer: doctorAnswer,
    cost: 'heavy',
    handle: async ({ deps, actor }) => {
      // It asks the systems: who had them asked is on record.
      await recordLook(deps.db, { actor: actor.name, action: 'doctor.view', subject: 'all', at: deps.now() })
      const checks = await deps.actions.doctor()
      return { body: { level: worst(checks), checks: [...checks] } }
    },
  }),
  route({
    ...shared,
    path: '/v1/setup/catalogue',
    id: 'getCatalogue',
    summary: 'Every kind of system that can be tried: what its target and its secrets look like, and what a replay can change',
    permission: 'read',
    answer: catalogueAnswer,
    handle: async ({ deps }) => ({ body: { items: [...(await deps.actions.catalogue())] } }),
  }),
  route({
    ...shared,
    path: '/v1/setup/configuration',
    id: 'getConfiguration',
    summary: 'The configuration in force, with all defaults. Of a secret only where it comes from is told: `env`, `file`',
    permission: 'operate',
    answer: configurationAnswer,
    handle: async ({ deps }) => ({ body: shownConfig(deps.config()) }),
  }),
]

function worst(checks: readonly DoctorCheck[]): DoctorAnswer['level'] {
  if (checks.some(({ level }) => level === 'fail')) return 'fail'
  return checks.some(({ level }) => level === 'warn') ? 'warn' : 'ok'
}
