import { z } from 'zod'
import { duration } from '../../config/duration.ts'
import { line } from '../../config/scalar.ts'
import { FORMATS } from '../source.ts'

/** The keys of a source that drops files into a folder. */
export const filesOptions = z.strictObject({
  folder: line().describe('The folder that is watched; relative to the working directory.'),
  pattern: line().default('*.{csv,jsonl,ndjson}').describe('Which files of the folder are read, as a glob of their names.'),
  format: z.enum(FORMATS).exactOptional().describe('What the files are. Left out: their extensions tell.'),
  every: duration('1s', '7d').prefault('1m').describe('How often the folder is looked at.'),
  settle: duration('1s', '1h').prefault('30s').describe('A file is read once it has not changed for so long.'),
  archive: line().default('archive').describe('Where files go that were read; relative to the folder, on the same file system.'),
  rejected: line().default('rejected').describe('Where files go of which nothing was taken.'),
  complete: z
    .boolean()
    .default(false)
    .describe('Each file lists everybody: who is missing from it, and was there before, is deleted (onDeleted).'),
})
export type FilesOptions = z.output<typeof filesOptions>
