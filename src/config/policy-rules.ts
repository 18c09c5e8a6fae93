import { isRecord, type Problem } from './explain.ts'
import { suggest } from './nearest.ts'

/** The rules of a policy must speak of systems and receivers that the file has: one misspelt would hold for nothing, unseen. */
export function checkPolicyRules(value: unknown): Problem[] {
  if (!isRecord(value) || !isRecord(value.policy) || !Array.isArray(value.policy.rules)) return []
  const systems = namesOf(value.systems)
  const receivers = namesOf(value.alerts)
  return value.policy.rules.flatMap((rule: unknown, index): Problem[] => {
    if (!isRecord(rule)) return []
    const path = ['policy', 'rules', index]
    const when = isRecord(rule.when) ? rule.when : {}
    return [
      ...unknownNames(when.systems, systems, "is none of the file's systems", [...path, 'when', 'systems']),
      ...unknownNames(rule.tell, receivers, "is none of the file's alerts", [...path, 'tell']),
    ]
  })
}

function namesOf(list: unknown): string[] {
  if (!Array.isArray(list)) return []
  return list.flatMap((entry: unknown) => (isRecord(entry) && typeof entry.name === 'string' ? [entry.name] : []))
}

function unknownNames(said: unknown, known: readonly string[], message: string, path: Problem['path']): Problem[] {
  if (!Array.isArray(said)) return []
  return said.flatMap((name: unknown, index): Problem[] => {
    if (typeof name !== 'string' || known.includes(name)) return []
    return [{ path: [...path, index], message: `${message}${suggest(name, known)}` }]
  })
}
