import { z } from 'zod'
import { name, reference } from './scalar.ts'

/** How evidence is handed out. */
export const evidenceSchema = z.strictObject({
  auditorTokens: z
    .array(
      z.strictObject({
        name: name().describe('Unique. Whom the audit names when it is used: `token:NAME`.'),
        token: reference().describe('The bearer token: a reference to at least 32 characters of `A-Z a-z 0-9 - . _ ~ + /`.'),
      }),
    )
    .max(50, { error: 'must have at most 50 tokens' })
    .default([])
    .superRefine((tokens, ctx) => {
      tokens.forEach((each, index) => {
        if (tokens.findIndex((other) => other.name === each.name) < index)
          ctx.addIssue({ code: 'custom', path: [index, 'name'], message: 'is the name of another token' })
      })
    })
    .describe('Who may read evidence under /v1/evidence/ at `listen`. None: nobody. See docs/evidence.md.'),
})
