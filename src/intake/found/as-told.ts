const MAX_TOLD = 300

/**
 * A name out of a file that somebody else wrote, fit for a report: one line, not too long, and without the secrets that are known
 * to be in the same finding.
 */
export function asTold(text: string, secrets: readonly string[] = []): string {
  if (secrets.some((secret) => secret.length >= 4 && text.includes(secret))) return '(withheld: it holds the secret)'
  const line = text.toWellFormed().replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')
  return line.length > MAX_TOLD ? `${line.slice(0, MAX_TOLD)}…` : line
}
