/**
 * The controls of a trial. `nobody`: no credential at all. `stranger`: a made-up principal. `canary`: a live credential.
 * `same-principal`: the principal of an acceptance with a made-up secret, which confirms it.
 */
export const CONTROLS = ['nobody', 'stranger', 'canary', 'same-principal'] as const
export type Control = (typeof CONTROLS)[number]
export type Decoy = Exclude<Control, 'canary'>
