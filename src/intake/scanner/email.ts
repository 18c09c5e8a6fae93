/** The address in `Anna Albers <anna@example.com>`, or the text itself where it is one. */
export function emailOf(text: string | undefined): string | undefined {
  const inner = /<([^<>]*)>\s*$/.exec(text ?? '')?.[1] ?? text
  const bare = inner?.trim() ?? ''
  return /^[^\s@<>]{1,128}@[^\s@<>]{1,253}$/.test(bare) ? bare : undefined
}
