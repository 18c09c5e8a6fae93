import { RevenantError } from '../domain/error.ts'

/**
 * What a reference with `#FIELD` means: the text under one key of a JSON object. Without a field: all of it. Throws
 * `SECRET_INVALID` or `SECRET_EMPTY`, naming the reference and never the content.
 */
export function pickField(text: string, field: string | undefined, content: string): string {
  const picked = field === undefined ? content : fieldOf(text, field, content)
  if (picked === '') throw new RevenantError('SECRET_EMPTY', `${text} is empty`)
  return picked
}

function fieldOf(text: string, field: string, content: string): string {
  const held = parsed(content)
  if (typeof held !== 'object' || held === null || Array.isArray(held))
    throw new RevenantError('SECRET_INVALID', `${text} names a field, and what is held there is no JSON object`)
  const value: unknown = Object.hasOwn(held, field) ? Reflect.get(held, field) : undefined
  if (value === undefined) throw new RevenantError('SECRET_UNAVAILABLE', `${text} names a field that is not held there`)
  if (typeof value !== 'string') throw new RevenantError('SECRET_INVALID', `${text} names a field that holds no text`)
  return value
}

function parsed(content: string): unknown {
  try {
    return JSON.parse(content)
  } catch {
    // JSON's own message quotes the text.
    return undefined
  }
}
