import { z } from 'zod'
import { PERSON_NAMES } from '../domain/grant.ts'
import { isNameField, parseReference, REFERENCE_FORMS } from '../domain/reference.ts'
import { duration } from './duration.ts'
import { line, reference } from './scalar.ts'

/** `systems[].inventory`: what is listed of those who left, with a read-only credential of an administrator. */
export const inventoryConfigSchema = z
  .strictObject({
    kind: line().describe('Which inventory: github, gitlab, okta, … See docs/inventory.md.'),
    target: z
      .record(z.string(), z.unknown())
      .default({})
      .describe("Where its API is: the keys are the inventory's own, see docs/inventory.md."),
    credential: z
      .union([reference(), z.record(z.string(), z.string()).superRefine(checkCredential)])
      .describe(
        'A read-only credential of an administrator: a reference to a JSON object, or its fields, each a reference. It is read when it is needed and never stored.',
      ),
    by: z
      .enum(PERSON_NAMES)
      .exactOptional()
      .describe(
        'By which name people are looked for: `email`, `externalId`, or `principal`, the accounts of their credentials here. Left out: the first that the inventory takes.',
      ),
    every: duration('1h', '30d').prefault('1d').describe('How often each of those who left is looked at.'),
    without: z.array(line()).max(16).default([]).describe('Lists that are left out.'),
    canary: line()
      .exactOptional()
      .describe(
        'The name of somebody who is here and has at least one grant: where nothing is listed of them, nothing is believed.',
      ),
  })
  .transform(({ every, ...rest }) => ({ ...rest, everyMs: every }))

function checkCredential(fields: Record<string, string>, ctx: z.RefinementCtx): void {
  for (const [key, value] of Object.entries(fields)) {
    if (isNameField(key) || parseReference(value) !== undefined) continue
    ctx.addIssue({ code: 'custom', path: [key], message: `must be a reference (${REFERENCE_FORMS}), never the secret itself` })
  }
}

export type InventoryConfig = z.output<typeof inventoryConfigSchema>
