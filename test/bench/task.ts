import { z } from 'zod'

/** What the process of a daemon is to do, and with what. */
export const benchTask = z.strictObject({
  do: z.enum(['seed', 'sweep']),
  folder: z.string(),
  databaseUrl: z.string().optional(),
  origin: z.string(),
  concurrency: z.int(),
  count: z.int(),
  liveOneIn: z.int(),
})
export type BenchTask = z.infer<typeof benchTask>

/** What a sweep came to. Resident memory in MiB. */
export const sweepResult = z.strictObject({
  perSecond: z.number(),
  /** Of the daemon's process, for each credential. */
  cpuMicros: z.number(),
  /** When a tenth of the credentials was done. */
  residentEarly: z.number(),
  residentLate: z.number(),
  residentPeak: z.number(),
})
export type SweepResult = z.infer<typeof sweepResult>
