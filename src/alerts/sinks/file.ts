import { z } from 'zod'
import { rotatingFile } from '../file/rotating-file.ts'
import { MAX_BODY_BYTES } from '../formats/rendered.ts'
import { commonFields, durationMs, formatField, type Sink, type SinkDeps, unreachable, within } from './sink.ts'

const MIB = 1_048_576
const HOUR_MS = 3_600_000

export const fileEntry = z.strictObject({
  ...commonFields,
  format: formatField(['json', 'ocsf', 'ecs', 'udm', 'cef', 'leef']),
  sink: z.literal('file'),
  to: z
    .string()
    .regex(/^(?:\/|[A-Za-z]:[\\/])[^\0\r\n]*[^\0\r\n/\\]$/, 'give the absolute path of a file')
    .describe('The absolute path of the file; its folder must exist.'),
  maxMegabytes: z.int().min(1).max(100_000).default(100).describe('A line that would make the file longer goes into a new one.'),
  maxAgeHours: z.int().min(1).max(8_784).default(24).describe('An older file is turned over before the next line.'),
  keep: z.int().min(1).max(1_000).default(14).describe('How many old files stay, named .1 (the newest), .2 and so on.'),
})

/**
 * Appends each alert to a file as one line: JSON Lines, for a shipper to read. Delivered: the disk has it (fsync). A retry after a
 * crash in between writes the line twice.
 */
export function openFileSink(entry: z.output<typeof fileEntry>, deps: SinkDeps): Sink {
  const timeoutMs = durationMs(entry.timeout ?? '15s')
  const file = rotatingFile({
    path: entry.to,
    maxBytes: entry.maxMegabytes * MIB,
    maxAgeMs: entry.maxAgeHours * HOUR_MS,
    keep: entry.keep,
    now: deps.now,
  })
  return {
    name: entry.name,
    kind: 'file',
    maxBodyBytes: MAX_BODY_BYTES,
    async deliver({ rendered }, signal) {
      // These formats are one line; a line break in one would make two records of it.
      const line = rendered.body.replace(/[\r\n]+/g, ' ')
      try {
        const { rotated } = await file.append(line, within(signal, timeoutMs))
        return { detail: { bytes: Buffer.byteLength(line) + 1, ...(rotated ? { rotated: 'yes' } : {}) } }
      } catch (thrown) {
        throw unreachable(entry.name, 'write', thrown)
      }
    },
    close: () => file.close(),
  }
}
