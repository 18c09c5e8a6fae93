import { z } from 'zod'
import { duration } from './duration.ts'

/** How long secrets are kept. Documented in `docs/custody.md`. */
export const custodySchema = z
  .strictObject({
    shredAfterDead: z
      .union([duration('1d', '3650d'), z.literal('never')])
      .prefault('90d')
      .describe(
        'For how long a credential is refused, with proof, before it is retired and its sealed secret destroyed; one that is past its own date and that nobody can try, likewise. `never`: they are watched for ever.',
      ),
    cloudKeyMaxAge: duration('1d', '3650d')
      .exactOptional()
      .describe('From when a key of AWS or Google Cloud, which tells no date of its own, counts as past it. Left out: never.'),
  })
  .transform(({ shredAfterDead, cloudKeyMaxAge }) => ({
    ...(shredAfterDead === 'never' ? {} : { shredAfterDeadMs: shredAfterDead }),
    ...(cloudKeyMaxAge === undefined ? {} : { cloudKeyMaxAgeMs: cloudKeyMaxAge }),
  }))
