import { z } from 'zod'
import { FINDING_KINDS } from '../domain/finding.ts'
import { CHECKS, type Check } from '../domain/framework.ts'

const CHECK_NAMES = ['revocation', 'decoys', 'canary', 'coverage', 'ownership'] as const satisfies readonly Check[]

const text = () =>
  z
    .string()
    .max(500, { error: 'must have at most 500 characters' })
    .regex(/^\S(?:.*\S)?$/, { error: 'must be one line of text without spaces at its ends' })

const control = z.strictObject({
  title: text().describe('What the requirement is called.'),
  checks: z
    .array(z.enum(CHECK_NAMES))
    .min(1, { error: 'must name at least one check' })
    .describe(`What we test of it: ${Object.keys(CHECKS).join(', ')}.`),
  findings: z.array(z.enum(FINDING_KINDS)).default([]).describe('Kinds of findings that speak against it.'),
  oscal: z
    .strictObject({
      controlId: text().regex(/^[\p{L}_][\p{L}\p{N}._-]*$/u, { error: 'must be an identifier such as ac-2.3' }),
      targetId: text().regex(/^[\p{L}_][\p{L}\p{N}._-]*$/u, { error: 'must be an identifier such as ac-2.3_smt.b' }),
      type: z.enum(['statement-id', 'objective-id']).default('statement-id'),
    })
    .exactOptional()
    .describe('Where an OSCAL finding points.'),
})

const framework = z.strictObject({
  title: text().describe('What the framework is called.'),
  controls: z.record(text(), control).describe('Its requirements, by their own identifiers.'),
})

/** The file `config/frameworks.yaml`. Strict everywhere. */
export const frameworksSchema = z.strictObject({
  version: z.literal(1),
  frameworks: z.record(
    z.string().regex(/^[a-z0-9]+(?:_[a-z0-9]+)*$/, { error: 'must be lower-case words joined by _, such as nist_800_53' }),
    framework,
  ),
})
