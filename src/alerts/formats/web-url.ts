/** Slack takes 3,000 characters in a button, and nothing honest is longer. */
const MAX_URL = 2_000

/** A URL that may become a link: http or https, without user or password. Others (`javascript:`, `file:`) are shown, never linked. */
export function webUrl(value: string | undefined): string | undefined {
  const url = value === undefined ? null : URL.parse(value)
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') return undefined
  return url.href.length > MAX_URL ? undefined : url.href
}
