import type { PolicyRule, RevokeRule } from '../domain/policy.ts'
import type { Config } from './config.ts'
import type { FileOutput } from './schema.ts'

/** Fills a checked file's defaults into its systems. */
export function resolveConfig(file: FileOutput): Config {
  const { defaults, systems, attribution: who, policy, keyRing, ...rest } = file
  const { default: standard, ...tiers } = policy.revokeWithin
  const attribution = attributionOf(who.contact)
  const { deadlines, rules } = rulesOf(policy.rules ?? [])
  return {
    ...rest,
    keyRing: keyRing.file,
    keyRingWrap: { previous: keyRing.previous ?? [], ...(keyRing.wrap === undefined ? {} : { wrap: keyRing.wrap }) },
    attribution,
    policy: {
      revokeWithinMs: { low: standard, standard, ...tiers, ...(deadlines.length === 0 ? {} : { rules: deadlines }) },
      verifyWithinMs: policy.verifyWithin,
      confirmRejections: policy.confirmRejections,
      confirmAfterMs: policy.confirmAfter,
      cadence: policy.cadence,
      provenEveryMs: policy.provenEvery,
      remindEveryMs: policy.remindEvery,
      terminationCutOff: policy.terminationCutOff,
      timeZone: policy.timeZone,
      ...(rules.length === 0 ? {} : { rules }),
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

/** Deadlines apart: lists and reports ask the database for them. */
function rulesOf(written: NonNullable<FileOutput['policy']['rules']>): { deadlines: RevokeRule[]; rules: PolicyRule[] } {
  const deadlines = written.flatMap(({ when, revokeWithin }) => (revokeWithin === undefined ? [] : [{ when, ms: revokeWithin }]))
  const rules = written.map(({ when, cadence, provenEvery, severity, atLeast, tell }): PolicyRule => {
    const least = severity ?? atLeast
    return {
      when,
      ...(cadence === undefined ? {} : { cadence }),
      ...(provenEvery === undefined ? {} : { provenEveryMs: provenEvery }),
      ...(least === undefined ? {} : { severity: { severity: least, exactly: severity !== undefined } }),
      ...(tell === undefined ? {} : { tell }),
    }
  })
  return { deadlines, rules: rules.filter((rule) => Object.keys(rule).length > 1) }
}

/** Who we say we are to the systems that we try. */
function attributionOf(contact: string | undefined): string {
  return contact === undefined ? 'revenant/0.1' : `revenant/0.1 (+${contact})`
}
