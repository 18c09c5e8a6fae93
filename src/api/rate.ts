/** A budget: so many at once, and so many come back in a second. */
export interface BudgetSize {
  most: number
  perSecond: number
}

/** What each may ask for: the page's views ask for some ten things at once, programs page through lists; heavy work is work for minutes. */
export const BUDGETS = {
  light: { most: 240, perSecond: 20 },
  /** What reads much and does nothing: statements, the calendar. One page about a leaver asks for five. */
  medium: { most: 40, perSecond: 1 },
  heavy: { most: 10, perSecond: 1 / 6 },
  /** By address, of those that need not say who they are. */
  anybody: { most: 60, perSecond: 2 },
} as const satisfies Record<string, BudgetSize>
export type BudgetName = keyof typeof BUDGETS

export interface Taken {
  ok: boolean
  /** Left after this. */
  remaining: number
  /** Seconds until there is another. */
  resetS: number
}

/** Those remembered. Beyond that the one that asked least lately goes: it would be full again anyway. */
const MOST_BUCKETS = 10_000

/** @param take 0: asks only whether there is one */
export type Rate = (name: BudgetName, asker: string, take?: 0 | 1) => Taken

/** Token buckets, one for each name and asker. @param now monotonic milliseconds */
export function openRate(now: () => number = () => performance.now()): Rate {
  const buckets = new Map<string, { left: number; at: number }>()
  return (name, asker, take = 1) => {
    const { most, perSecond } = BUDGETS[name]
    const key = `${name} ${asker}`
    const at = now()
    const bucket = buckets.get(key)
    const left = bucket === undefined ? most : Math.min(most, bucket.left + ((at - bucket.at) / 1_000) * perSecond)
    const ok = left >= 1
    const after = ok ? left - take : left
    buckets.delete(key)
    buckets.set(key, { left: after, at })
    const [oldest] = buckets.keys()
    if (buckets.size > MOST_BUCKETS && oldest !== undefined) buckets.delete(oldest)
    return { ok, remaining: Math.floor(after), resetS: Math.ceil(Math.max(0, 1 - (after % 1)) / perSecond) }
  }
}

/** The headers of draft-ietf-httpapi-ratelimit-headers. */
export function rateHeaders(name: BudgetName, { ok, remaining, resetS }: Taken): Record<string, string> {
  const { most, perSecond } = BUDGETS[name]
  return {
    'ratelimit-policy': `"${name}";q=${most};w=${Math.round(most / perSecond)}`,
    ratelimit: `"${name}";r=${remaining};t=${resetS}`,
    ...(ok ? {} : { 'retry-after': String(resetS) }),
  }
}
