import type { FormatContext } from './rendered.ts'

/** Where a person opens a finding; undefined where the configuration names no `publicUrl`. */
export function linkOf(findingId: string, { publicUrl }: Pick<FormatContext, 'publicUrl'>): string | undefined {
  if (publicUrl === undefined) return undefined
  return `${publicUrl.replace(/\/+$/, '')}/findings/${encodeURIComponent(findingId)}`
}
