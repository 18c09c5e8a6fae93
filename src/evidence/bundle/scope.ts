import { RevenantError } from '../../domain/error.ts'
import { idsOfNames } from '../../store/evidence.ts'
import { controlsIn, type ReportDeps, type ReportScope } from './request.ts'

/** What a report is about, by the names that people use. */
export interface NamedScope {
  from: Temporal.Instant
  to: Temporal.Instant
  framework?: string
  control?: string
  /** An external id. */
  identity?: string
  system?: string
}

/** How whoever asks spells a part of the scope, and whether he is told again what he gave: `--framework dora` on the command line. */
export interface Spelling {
  prefix: string
  quote: boolean
}

/**
 * Looks up what a scope names. Throws `INPUT_INVALID` (the period is empty; a framework or requirement that the mapping does not have)
 * and `NOT_FOUND` (nobody and nothing of this name).
 */
export async function scopeOf(deps: ReportDeps, named: NamedScope, { prefix, quote }: Spelling): Promise<ReportScope> {
  const spell = (name: keyof NamedScope) => `${prefix}${name}`
  const shown = (value: string) => (quote ? ` ${value}` : ' of this name')
  const { from, to, framework, control, identity, system } = named
  if (Temporal.Instant.compare(from, to) >= 0)
    throw new RevenantError('INPUT_INVALID', `${spell('from')} must lie before ${spell('to')}`)
  if (control !== undefined && framework === undefined)
    throw new RevenantError(
      'INPUT_INVALID',
      `${spell('control')} needs ${spell('framework')}: controls of different frameworks share names`,
    )
  const frameworks = deps.mapping.frameworks.map(({ name }) => name)
  if (framework !== undefined) mustBeOneOf(`${spell('framework')}${quote ? ` ${framework}` : ''}`, framework, frameworks)
  const scope: ReportScope = {
    from,
    to,
    ...(framework === undefined ? {} : { framework }),
    ...(control === undefined ? {} : { control }),
  }
  if (control !== undefined && controlsIn(deps, scope).length === 0) {
    const known = controlsIn(deps, { from, to, ...(framework === undefined ? {} : { framework }) }).map((each) => each.control.id)
    mustBeOneOf(`${spell('control')}${quote ? ` ${control}` : ''}`, control, known)
  }
  const ids = await idsOfNames(deps.db, {
    ...(identity === undefined ? {} : { identity }),
    ...(system === undefined ? {} : { system }),
  })
  if (identity !== undefined && ids.identity === undefined)
    throw new RevenantError('NOT_FOUND', `there is no identity${shown(identity)}`)
  if (system !== undefined && ids.system === undefined) throw new RevenantError('NOT_FOUND', `there is no system${shown(system)}`)
  return {
    ...scope,
    ...(identity === undefined || ids.identity === undefined ? {} : { identity: { name: identity, id: ids.identity } }),
    ...(system === undefined || ids.system === undefined ? {} : { system: { name: system, id: ids.system } }),
  }
}

function mustBeOneOf(name: string, value: string, allowed: readonly string[]): void {
  if (!allowed.includes(value)) throw new RevenantError('INPUT_INVALID', `${name}: choose one of ${allowed.join(', ')}`)
}
