import { json } from './json.ts'
import { ocsf } from './ocsf.ts'
import type { Format } from './rendered.ts'
import { text } from './text.ts'

export type { Format, FormatContext, Rendered } from './rendered.ts'

export const FORMAT_NAMES = ['json', 'ocsf', 'text'] as const
export type FormatName = (typeof FORMAT_NAMES)[number]

/** Every format. A new one is a file here, a name above and a line below. */
export const FORMATS: Record<FormatName, Format> = { json, ocsf, text }
