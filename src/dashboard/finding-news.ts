import type { Finding } from '../api/schemas/finding.ts'
import { SEVERITY_LABELS } from './words.ts'

type Told = Pick<Finding, 'state' | 'severity' | 'episode' | 'exempted' | 'acknowledgedBy'>

/** What is another thing now than it was, in words. */
export function newsOf(before: Told, now: Told): string[] {
  const news: string[] = []
  if (now.episode !== before.episode) news.push('it was closed and came back')
  if (now.severity !== before.severity) news.push(`it became ${SEVERITY_LABELS[now.severity].toLowerCase()}`)
  if (now.state !== before.state)
    news.push(
      {
        resolved: 'it was resolved',
        open: 'it is open again',
        acknowledged: `${now.acknowledgedBy ?? 'somebody'} acknowledged it`,
      }[now.state],
    )
  if (now.exempted !== before.exempted) news.push(now.exempted ? 'it was exempted' : 'its exemption ended')
  return news
}
