import { z } from 'zod'

/** Longest pattern, and longest text that a pattern is shown, in characters. */
const MAX_PATTERN = 200
export const MAX_PATTERN_INPUT = 4_096

/**
 * A regular expression from configuration. It sees at most the first 4 KiB of a value, and its shape is held to what a
 * backtracking engine runs in at most quadratic time over that: no repeated group that repeats or alternates inside, no
 * back-references, no look-around, one `*`, `+` or `{n,m}` (two in a pattern that begins with `^` and has no top-level `|`).
 */
export const patternSchema = z
  .string()
  .min(1)
  .max(MAX_PATTERN)
  .superRefine((pattern, context) => {
    const fault = faultOf(pattern)
    if (fault !== undefined) context.addIssue({ code: 'custom', message: fault })
  })

/** Compiles a pattern that passed the schema. */
export function compilePattern(pattern: string): (value: string) => boolean {
  const expression = new RegExp(pattern, 'u')
  return (value) => expression.test(value.length > MAX_PATTERN_INPUT ? value.slice(0, MAX_PATTERN_INPUT) : value)
}

function faultOf(pattern: string): string | undefined {
  try {
    new RegExp(pattern, 'u')
  } catch {
    return 'not a regular expression'
  }
  const shape = shapeOf(pattern)
  if (shape.fault !== undefined) return shape.fault
  const allowed = pattern.startsWith('^') && !shape.topLevelAlternation ? 2 : 1
  if (shape.repeats > allowed) return `too many repeats (${shape.repeats}, at most ${allowed}): anchor with "^" or use "contains"`
  return undefined
}

interface Shape {
  repeats: number
  topLevelAlternation: boolean
  fault?: string
}

/** Walks the pattern once; the syntax is known to be valid. */
function shapeOf(pattern: string): Shape {
  const groups: { varies: boolean }[] = []
  const shape: Shape = { repeats: 0, topLevelAlternation: false }
  let closed: { varies: boolean } | undefined
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at]
    const group = closed
    closed = undefined
    if (char === '\\') {
      if (/[1-9k]/.test(pattern[at + 1] ?? '')) return { ...shape, fault: 'back-references are not allowed' }
      at++
    } else if (char === '[') {
      at = endOfClass(pattern, at)
    } else if (char === '(') {
      if (/^\(\?<?[=!]/.test(pattern.slice(at, at + 4))) return { ...shape, fault: 'look-around is not allowed' }
      groups.push({ varies: false })
    } else if (char === ')') {
      closed = groups.pop()
      // What repeats inside makes the group around it repeat too.
      if (closed?.varies) for (const outer of groups) outer.varies = true
    } else if (char === '|') {
      if (groups.length === 0) shape.topLevelAlternation = true
      for (const outer of groups) outer.varies = true
    } else if (char === '*' || char === '+' || char === '{') {
      if (group?.varies) return { ...shape, fault: 'a repeated group may neither repeat nor alternate inside' }
      if (char !== '{' || !/^\{\d{1,3}\}/.test(pattern.slice(at, at + 5))) shape.repeats++
      for (const outer of groups) outer.varies = true
    }
  }
  return shape
}

function endOfClass(pattern: string, start: number): number {
  let at = start + 1
  while (at < pattern.length && pattern[at] !== ']') at += pattern[at] === '\\' ? 2 : 1
  return at
}
