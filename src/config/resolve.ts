import type { Config } from './config.ts'
import type { FileOutput } from './schema.ts'

/** Fills a checked file's defaults into its systems. */
export function resolveConfig(file: FileOutput): Config {
  const { defaults, systems, attribution: who, policy, keyRing, ...rest } = file
  const { default: standard, ...tiers } = policy.revokeWithin
  const attribution = attributionOf(who.contact)
  return {
    ...rest,
    keyRing: keyRing.file,
    keyRingWrap: { previous: keyRing.previous ?? [], ...(keyRing.wrap === undefined ? {} : { wrap: keyRing.wrap }) },
    attribution,
    policy: {
      revokeWithinMs: { low: standard, standard, ...tiers },
      verifyWithinMs: policy.verifyWithin,
      confirmRejections: policy.confirmRejections,
      confirmAfterMs: policy.confirmAfter,
      cadence: policy.cadence,
      provenEveryMs: policy.provenEvery,
      remindEveryMs: policy.remindEvery,
      terminationCutOff: policy.terminationCutOff,
      timeZone: policy.timeZone,
    },
    systems: systems.map(({ schedule, ...system }) => ({
      ...system,
      realm: system.realm ?? system.name,
      ...(schedule === undefined ? {} : { schedule: { timeZone: policy.timeZone, ...schedule } }),
      limits: { ...defaults.limits, ...system.limits },
      controls: { ...defaults.controls, ...system.controls },
      attribution: system.attribution ?? attribution,
    })),
  }
}

/** Who we say we are to the systems that we try. */
function attributionOf(contact: string | undefined): string {
  return contact === undefined ? 'revenant/0.1' : `revenant/0.1 (+${contact})`
}
