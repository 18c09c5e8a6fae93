/**
 * How a credential stands, the first that applies.
 * `retired`: taken off the list, its secret is shredded. `resting`: its identity is here, it is not tried. `open`: accepted, and nothing
 * proven since. `closed`: enough proven rejections in a row, and no answer since that says otherwise. `not_tried`: no answer yet.
 * `unverified`: the last answer proved nothing. `refused`: refused, but not often enough yet, or too weakly.
 */
export const STANDINGS = ['open', 'unverified', 'not_tried', 'refused', 'closed', 'retired', 'resting'] as const
export type Standing = (typeof STANDINGS)[number]
