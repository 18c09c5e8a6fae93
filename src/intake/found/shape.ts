import type { SecretValue } from '../../custody/box.ts'

/** What a secret says of itself by how it looks. */
export interface Shape {
  kinds: readonly string[]
  parts: SecretValue
}

/** Prefixes that their makers gave to tokens so that they can be told, and nothing that only may be one. */
const SHAPES: readonly [RegExp, string, part: string][] = [
  [/^(?:gh[oprsu]_|github_pat_)[\w.-]{16,}$/, 'github', 'token'],
  [/^gl[a-z]{2,6}-[\w.-]{16,}$/, 'gitlab', 'token'],
  [/^npm_[A-Za-z0-9]{20,}$/, 'npm', 'token'],
  [/^https:\/\/hooks\.slack\.com\//, 'slack-webhook', 'url'],
  [/^(?:xox[a-z][-.]|xapp-)\S{8,}$/, 'slack', 'token'],
  [/^hv[brs]\.[\w-]{20,}$/, 'vault', 'token'],
  [/^ATCTT3xFf\S{20,}$/, 'atlassian-admin', 'token'],
  [/^ATATT3xFf\S{20,}$/, 'jira', 'token'],
  [/^cf[ua]t_\w{20,}$/, 'cloudflare', 'token'],
  [/^dckr_[a-z]+_\S{16,}$/, 'docker-hub', 'password'],
]

/** Whose a secret is by its prefix; undefined where it has none that is known. */
export function shapeOf(secret: string): Shape | undefined {
  const found = SHAPES.find(([pattern]) => pattern.test(secret))
  return found === undefined ? undefined : { kinds: [found[1]], parts: { [found[2]]: secret } }
}
