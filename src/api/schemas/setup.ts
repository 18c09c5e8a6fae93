import { z } from 'zod'
import { text } from './common.ts'

const LEVELS = ['ok', 'warn', 'fail'] as const

export const doctorCheck = z.strictObject({
  name: text().describe('What was looked at: `database`, `system NAME`, `alerts NAME` …'),
  level: z.enum(LEVELS),
  detail: text().describe('What was found'),
  mend: text().exactOptional().describe('What to do about it'),
})
export type DoctorCheck = z.infer<typeof doctorCheck>

export const doctorAnswer = z.strictObject({
  level: z.enum(LEVELS).describe('The worst of them'),
  checks: z.array(doctorCheck).describe('As `revenant doctor` says them'),
})
export type DoctorAnswer = z.infer<typeof doctorAnswer>

/** A JSON Schema (2020-12), for a form. */
const jsonSchema = z.record(z.string(), z.unknown())

export const catalogueEntry = z.strictObject({
  kind: text().describe('What a system names in `probe`'),
  summary: text().describe('One line'),
  source: z
    .enum(['protocol', 'catalogue'])
    .describe('`protocol`: asked in its own code; `catalogue`: a shipped entry for one product'),
  effects: z.array(text()).describe('What a replay can change there, the most there is; `allowEffects` must name them'),
  target: jsonSchema.describe('What `target` of a system takes'),
  secret: jsonSchema.describe('What the secret of a credential looks like: the columns `secret.NAME` of an import'),
  docs: text().describe('Path of its documentation in the repository'),
})
export type CatalogueEntry = z.infer<typeof catalogueEntry>

export const catalogueAnswer = z.strictObject({ items: z.array(catalogueEntry).describe('By kind') })
export type CatalogueAnswer = z.infer<typeof catalogueAnswer>

export const configurationAnswer = z.strictObject({
  settings: z
    .record(z.string(), z.unknown())
    .describe('Sections of the configuration in force, with all defaults. Durations are milliseconds'),
  systems: z.array(z.record(z.string(), z.unknown())).describe('The systems'),
  alerts: z
    .array(z.record(z.string(), z.unknown()))
    .describe('The receivers. Addresses are cut to their origin: the rest may be a secret'),
})
export type ConfigurationAnswer = z.infer<typeof configurationAnswer>
